/* The subcommand: arguments, table, rules, report. */
#include "ops/cli/levels.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/level/table/score_table.h"
#include "ops/cli/levels_report.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_BAD = 2 };

static const char help[] =
    "usage: muster levels --scores TABLE [options]\n"
    "\n"
    "General-Level (levels 2 to 5) of one model from its task scores.\n"
    "\n"
    "  --scores TABLE   .xlsx: sheets NLP, Image-Comprehension, ... with a column a model;\n"
    "                   .csv: modality,paradigm,no,task,metric,sota and a column a model\n"
    "  --sota TABLE     the specialists' scores (.xlsx or .csv), joined by sheet and row;\n"
    "                   needed where --scores has no SoTA column, otherwise it decides\n"
    "  --model NAME     the model's column, in any case; needed where there are several\n"
    "  --rule RULE      official:  the reference ranker, bit for bit\n"
    "                   corrected: what the paper says where the ranker slips\n"
    "                   both:      both, and the tasks on which they differ (default)\n"
    "  --json           one JSON object, all digits; with both rules the official one, with\n"
    "                   the keys \"corrected\" and \"differences\"\n"
    "  --help           this text\n"
    "\n"
    "An empty cell or inf is a task that the model does not support.\n"
    "Exit status: 0, or 2 for bad arguments, tables or scores.\n";

struct options {
    const char *scores, *sota, *model;
    bool wanted[GL_RULE_COUNT];
    bool json, help;
};

static void complain(const char *sentence)
{
    struct buf line = { 0 };
    buf_append_str(&line, "muster levels: ");
    text_append_safe(&line, span_str(sentence)); /* it may quote a file */
    fprintf(stderr, "%s\n", buf_cstr(&line));
    buf_release(&line);
}

static err parse_rule(const char *text, struct options *out, struct errmsg *msg)
{
    bool known = strcmp(text, "both") == 0;
    for (int rule = 0; rule < GL_RULE_COUNT; rule++) {
        out->wanted[rule] =
            strcmp(text, "both") == 0 || strcmp(text, gl_rule_text((enum gl_rule)rule)) == 0;
        known = known || out->wanted[rule];
    }
    return known
               ? OK
               : err_say(msg, ERR_INVALID, "--rule %s: expected official, corrected or both", text);
}

/* ERR_INVALID with an empty msg: getopt has said it. */
static err parse_options(int argc, char **argv, struct options *out, struct errmsg *msg)
{
    static const struct option known[] = {
        { "scores", required_argument, NULL, 's' },
        { "sota", required_argument, NULL, 'S' },
        { "model", required_argument, NULL, 'm' },
        { "rule", required_argument, NULL, 'r' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    *out = (struct options){ .wanted = { true, true } };
    msg->text[0] = '\0';
    optind = 0; /* start anew: the caller has used getopt for its own options */
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 's': out->scores = optarg; break;
        case 'S': out->sota = optarg; break;
        case 'm': out->model = optarg; break;
        case 'j': out->json = true; break;
        case 'h': out->help = true; break;
        case 'r':
            if (parse_rule(optarg, out, msg))
                return ERR_INVALID;
            break;
        default: return ERR_INVALID;
        }
    }
    if (optind < argc)
        return err_say(msg, ERR_INVALID, "unexpected argument '%s'", argv[optind]);
    if (out->scores == NULL && !out->help)
        return err_say(msg, ERR_INVALID, "--scores TABLE is missing");
    return OK;
}

/* The faults of one rule as sentences. */
static void say_faults(const struct score_table *t, enum gl_rule rule,
                       const struct gl_faults *faults, struct arena *arena,
                       struct levels_outcome *outcome)
{
    size_t kept = faults->count < GL_FAULTS_KEPT ? faults->count : GL_FAULTS_KEPT;
    outcome->errors = arena_alloc(arena, (kept + 1) * sizeof(*outcome->errors));
    for (size_t i = 0; i < kept; i++) {
        struct errmsg msg;
        score_table_say(t, &faults->first[i], &msg);
        outcome->errors[outcome->error_count++] = arena_strdup(arena, msg.text);
    }
    if (faults->count > kept)
        outcome->errors[outcome->error_count++] =
            arena_format(arena, "and %zu more", faults->count - kept);
    for (size_t i = 0; i < outcome->error_count; i++)
        complain(arena_format(arena, "%s rule: %s", gl_rule_text(rule), outcome->errors[i]));
}

static void run_rule(const struct score_table *t, enum gl_rule rule, struct arena *arena,
                     struct levels_outcome *outcome)
{
    struct gl_faults faults;
    outcome->wanted = true;
    if (gl_compute(rule, t->rows, t->row_count, &outcome->levels, &faults))
        say_faults(t, rule, &faults, arena, outcome);
}

static void find_differences(const struct score_table *t, struct arena *arena,
                             struct levels_report *report)
{
    struct gl_verdict *verdicts[GL_RULE_COUNT];
    for (int rule = 0; rule < GL_RULE_COUNT; rule++) {
        struct gl_faults faults;
        verdicts[rule] = arena_alloc(arena, (t->row_count + 1) * sizeof(**verdicts));
        check(gl_judge((enum gl_rule)rule, t->rows, t->row_count, verdicts[rule], &faults) == OK);
    }
    struct gl_difference *found = arena_alloc(arena, (t->row_count + 1) * sizeof(*found));
    report->difference_count =
        gl_compare(t->rows, t->row_count, verdicts[GL_OFFICIAL], verdicts[GL_CORRECTED], found);
    report->differences = found;
}

static void note_renamed(const struct score_table *t)
{
    if (t->renamed == 0)
        return;
    const struct gl_row *row = &t->rows[t->first_renamed];
    char *note = xformat("note: %zu tasks have another name in the SoTA table (first: '%s' of %s); "
                         "rows are joined by position",
                         t->renamed, row->task, score_table_sheet(row));
    complain(note);
    free(note);
}

static int report_levels(const struct options *options, const struct score_table *t)
{
    struct arena arena = { 0 };
    struct buf text = { 0 };
    struct levels_report report = { .model = options->model,
                                    .table = options->scores,
                                    .rows = t->rows };
    bool failed = false, both = true;

    if (report.model == NULL)
        report.model = t->models[0];
    note_renamed(t);
    for (int rule = 0; rule < GL_RULE_COUNT; rule++) {
        both = both && options->wanted[rule];
        if (options->wanted[rule])
            run_rule(t, (enum gl_rule)rule, &arena, &report.outcome[rule]);
        failed = failed || report.outcome[rule].error_count > 0;
    }
    if (both && !failed)
        find_differences(t, &arena, &report);
    if (options->json)
        levels_report_json(&report, &text);
    else
        levels_report_text(&report, &text);
    fwrite(text.data, 1, text.len, stdout);
    buf_release(&text);
    arena_release(&arena);
    return failed ? EXIT_BAD : 0;
}

static int run(const struct options *options)
{
    struct score_table table;
    struct errmsg msg;
    if (score_table_read(options->scores, options->sota, &table, &msg)) {
        complain(msg.text);
        return EXIT_BAD;
    }
    int code = EXIT_BAD;
    if (score_table_choose(&table, options->model, &msg))
        complain(msg.text);
    else
        code = report_levels(options, &table);
    score_table_release(&table);
    return code;
}

int cmd_levels(int argc, char **argv)
{
    struct options options;
    struct errmsg msg;
    if (parse_options(argc, argv, &options, &msg)) {
        if (msg.text[0] != '\0')
            complain(msg.text);
        fputs("See 'muster levels --help'.\n", stderr);
        return EXIT_BAD;
    }
    if (options.help) {
        fputs(help, stdout);
        return 0;
    }
    return run(&options);
}
