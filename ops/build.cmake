# How targets are declared. Seven functions, so that a room's CMakeLists.txt reads as a list:
#   muster_library(NAME sources... )          a static library; link lines follow and are the architecture
#   muster_program(NAME sources... )          a program, built to <build>/bin
#   muster_test(LABEL NAME libraries... )     tests/LABEL/NAME.c, a cmocka program run by ctest under LABEL
#   muster_failing(NAME [LMDB])               in this test calls fail when tests/io/failing.h is told so
#   muster_bench(NAME libraries... )          tests/bench/NAME.c, a benchmark
#   muster_bench_test(NAME program args... )  what ctest runs of a benchmark, as bench.NAME
#   muster_fuzz(NAME libraries... )           tests/fuzz/NAME.c, a fuzz target over tests/fuzz/corpus/NAME

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # uv.h and the Linux calls of the launcher need them
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

# Language level, warnings, hardening and sanitizers, once; everything links it PRIVATE.
add_library(muster_build INTERFACE)
target_compile_definitions(muster_build INTERFACE _GNU_SOURCE MUSTER_VERSION="${PROJECT_VERSION}")
target_include_directories(muster_build INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(muster_build INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wcast-qual -Wimplicit-fallthrough -Wswitch
    -fno-omit-frame-pointer -fstack-protector-strong -fPIE)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    target_compile_options(muster_build INTERFACE -Wno-string-conversion) # check(!"a sentence")
endif()
target_link_options(muster_build INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
if(MUSTER_WERROR)
    target_compile_options(muster_build INTERFACE -Werror)
endif()
if(MUSTER_SANITIZE)
    target_compile_options(muster_build INTERFACE -fsanitize=${MUSTER_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(muster_build INTERFACE -fsanitize=${MUSTER_SANITIZE})
elseif(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(muster_build INTERFACE $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>
        -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero)
endif()

if(MUSTER_BUILD_FUZZERS)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "MUSTER_BUILD_FUZZERS needs clang: -DCMAKE_C_COMPILER=clang-14")
    endif()
    # Everything tells the fuzzer which way it went; only the targets link its main.
    target_compile_options(muster_build INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(muster_build INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_package(PkgConfig REQUIRED)

function(muster_library name)
    add_library(${name} STATIC ${ARGN})
    target_link_libraries(${name} PRIVATE muster_build)
endfunction()

function(muster_program name)
    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE muster_build)
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

function(muster_test label name)
    if(NOT MUSTER_BUILD_TESTS)
        return()
    endif()
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET GLOBAL cmocka)
    add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/${label}/${name}.c)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} PRIVATE muster_build ${ARGN} PkgConfig::CMOCKA)
    add_test(NAME ${label}.${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${label}.${name} PROPERTIES LABELS ${label} TIMEOUT 120
        ENVIRONMENT "MUSTER_SHARED=${PROJECT_SOURCE_DIR}/../shared")
endfunction()

# The linker leads the calls of what is tested through those of the test.
function(muster_failing name)
    if(NOT MUSTER_BUILD_TESTS)
        return()
    endif()
    set(folder ${PROJECT_SOURCE_DIR}/tests/io)
    set(calls fallocate fstat fstatvfs fsync ftruncate getrlimit mkdir open pread pwrite read
        rename stat statfs write)
    target_sources(${name} PRIVATE ${folder}/failing.c)
    if("LMDB" IN_LIST ARGN)
        list(APPEND calls mdb_cursor_get mdb_cursor_open mdb_dbi_open mdb_del mdb_env_create
            mdb_env_get_fd mdb_env_open mdb_env_set_assert mdb_env_set_mapsize mdb_env_set_maxdbs
            mdb_get mdb_put mdb_stat mdb_txn_begin mdb_txn_commit mdb_txn_id)
        target_sources(${name} PRIVATE ${folder}/failing_lmdb.c)
    endif()
    list(TRANSFORM calls PREPEND -Wl,--wrap=)
    target_link_options(${name} PRIVATE ${calls})
endfunction()

# It prints what it measured and under which conditions, and never fails because of a time.
function(muster_bench name)
    if(NOT MUSTER_BUILD_TESTS)
        return()
    endif()
    add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/bench/${name}.c)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} PRIVATE muster_build ${ARGN})
endfunction()

# muster_bench_test(NAME program arguments...): what ctest runs of a benchmark, as bench.NAME
function(muster_bench_test name program)
    if(MUSTER_BUILD_TESTS)
        add_test(NAME bench.${name} COMMAND ${program} ${ARGN})
        set_tests_properties(bench.${name} PROPERTIES LABELS bench TIMEOUT 600)
    endif()
endfunction()

# A target is a file with LLVMFuzzerTestOneInput. Without libFuzzer it links a main that replays the
# corpus; the test is the same either way: every input of the corpus, once.
function(muster_fuzz name)
    set(folder ${PROJECT_SOURCE_DIR}/tests/fuzz)
    add_executable(${name} ${folder}/${name}.c)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} PRIVATE muster_build ${ARGN})
    if(MUSTER_BUILD_FUZZERS)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        set(once -runs=0)
    else()
        target_sources(${name} PRIVATE ${folder}/replay.c)
        set(once)
    endif()
    add_test(NAME fuzz.${name} COMMAND ${name} ${once} ${folder}/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
