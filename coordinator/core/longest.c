/* The cells of a model that have something free, longest instances first: what takes longest begins
 * first. A cell that is not measured yet is expected to be like the model's mean, which changes
 * with each that is: so these stand apart, in the order of the sweep, and are compared as one. */
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

static struct heap *heap_of(struct model *m, const struct heap_node *node)
{
    return node->key < 0 ? &m->measured : &m->unmeasured;
}

void longest_update(struct core *c, struct cell *cell)
{
    struct model *m = &c->models[cell->model];
    struct heap_node *node = &cell->length;
    int64_t key = cell->instance_ns > 0 ? -1 - (int64_t)cell->instance_ns : 0;
    bool is_open = cell_free_count(cell) > 0, moves = (key < 0) != (node->key < 0);
    if (heap_has(node) && (!is_open || moves))
        heap_remove(heap_of(m, node), node);
    if (heap_has(node)) {
        heap_rekey(heap_of(m, node), node, key);
    } else if (is_open) {
        node->key = key;
        node->tie = cell->place + 1;
        heap_push(heap_of(m, node), node);
    }
}

struct cell *longest_of(const struct model *m)
{
    struct heap_node *known = heap_top(&m->measured), *other = heap_top(&m->unmeasured);
    if (!known || !other)
        return known   ? container_of(known, struct cell, length)
               : other ? container_of(other, struct cell, length)
                       : NULL;
    int64_t mean = -1 - (int64_t)model_mean_ns(m);
    bool takes_known = known->key != mean ? known->key < mean : known->tie < other->tie;
    return container_of(takes_known ? known : other, struct cell, length);
}
