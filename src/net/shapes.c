/* shapes.c - the topologies that have a name. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/topology.h"

/* How the GPUs of a server meet, and how servers do. */
typedef enum inside { INSIDE_PCIE, INSIDE_MESH, INSIDE_SWITCH, INSIDE_RING } inside;
typedef enum between {
  BETWEEN_ONE_SWITCH,
  BETWEEN_RAILS,
  BETWEEN_FAT_TREE,
  BETWEEN_NOTHING
} between;

typedef struct plan {
  const char *name;
  inside in;
  between out;
} plan;

enum { PLANS = 7 };

static const plan plans[PLANS] = {
  { "pcie", INSIDE_PCIE, BETWEEN_ONE_SWITCH },
  { "nvlink_mesh", INSIDE_MESH, BETWEEN_ONE_SWITCH },
  { "nvswitch", INSIDE_SWITCH, BETWEEN_ONE_SWITCH },
  { "dgx_h100", INSIDE_SWITCH, BETWEEN_RAILS },
  { "hgx_ib", INSIDE_SWITCH, BETWEEN_RAILS },
  { "fat_tree", INSIDE_SWITCH, BETWEEN_FAT_TREE },
  { "ring", INSIDE_RING, BETWEEN_NOTHING },
};

/* A topology under construction. Numbers in it are in range, so nothing below can fail. */
typedef struct site {
  orc_topology *t;
  orc_topology_shape s;
  inside in;
} site;

static const char *const names[PLANS + 1] = {
  "pcie", "nvlink_mesh", "nvswitch", "dgx_h100", "hgx_ib", "fat_tree", "ring", NULL,
};

const char *const *orc_topology_names(void)
{
  return names;
}

__attribute__((format(printf, 4, 5))) static int node(const site *w, orc_node_kind kind, int host,
                                                      const char *format, ...)
{
  char name[64];
  va_list args;
  va_start(args, format);
  vsnprintf(name, sizeof name, format, args);
  va_end(args);
  const int id = orc_topology_add_node(w->t, kind, name, host, NULL);
  ORC_ASSERT(id >= 0);
  return id;
}

/* A cable: one link each way. */
static void join(const site *w, int a, int b, double latency, double bandwidth)
{
  for (int back = 0; back < 2; back++) {
    const orc_edge link = {
      .from = back ? b : a, .to = back ? a : b, .latency = latency, .bandwidth = bandwidth
    };
    ORC_ASSERT(orc_topology_add_link(w->t, &link, NULL) >= 0);
  }
}

/* NVLink first: its links then have the lower numbers, and win ties against PCIe. */
static void join_gpus(const site *w, int host)
{
  const orc_topology_shape *s = &w->s;
  const int first = host * s->gpus;
  if (w->in == INSIDE_MESH)
    for (int a = 0; a < s->gpus; a++)
      for (int b = a + 1; b < s->gpus; b++)
        join(w, first + a, first + b, s->latency, s->bandwidth);
  if (w->in == INSIDE_SWITCH && s->gpus > 1) {
    const int hub = node(w, ORC_NODE_NVSWITCH, host, "host%d.nvswitch", host);
    for (int a = 0; a < s->gpus; a++)
      join(w, first + a, hub, s->latency / 2.0, s->bandwidth);
  }
}

/*
** PCIe of one server: a switch all share (INSIDE_PCIE), or a slot per GPU, so that NVLink stays the
** shorter way between GPUs. A NIC serves its share of the GPUs, each over its own slot.
*/
static void join_pcie(const site *w, int host, int *nics)
{
  const orc_topology_shape *s = &w->s;
  const int first = host * s->gpus, base = host * s->nics;
  const int slots = w->in == INSIDE_PCIE ? 1 : s->gpus;
  const int root = node(w, ORC_NODE_HOST, host, "host%d", host);
  for (int n = 0; n < s->nics; n++)
    nics[base + n] = node(w, ORC_NODE_NIC, host, "host%d.nic%d", host, n);
  for (int p = 0; p < slots; p++) {
    const int slot = node(w, ORC_NODE_SWITCH, host, "host%d.pcie%d", host, p);
    join(w, slot, root, s->pcie_latency, s->pcie_bandwidth);
    for (int g = p; g < s->gpus; g += slots)
      join(w, first + g, slot, s->pcie_latency, s->pcie_bandwidth);
    for (int n = 0; n < s->nics; n++)
      if (slots == 1 || p / (s->gpus / s->nics) == n)
        join(w, nics[base + n], slot, s->pcie_latency, s->pcie_bandwidth);
  }
}

/* One switch, or one per rail; NIC n of each server on switch n % switches. */
static void join_servers(const site *w, const int *nics, int switches)
{
  const orc_topology_shape *s = &w->s;
  for (int r = 0; r < switches; r++) {
    const int hub = switches == 1 ? node(w, ORC_NODE_SWITCH, -1, "net")
                                  : node(w, ORC_NODE_SWITCH, -1, "rail%d", r);
    for (int host = 0; host < s->hosts; host++)
      for (int n = r; n < s->nics; n += switches)
        join(w, nics[host * s->nics + n], hub, s->nic_latency, s->nic_bandwidth);
  }
}

/* k pods of k/2 edge and k/2 aggregation switches, k^2/4 cores (Al-Fares et al. 2008). */
static void join_fat_tree(const site *w, const int *nics)
{
  const orc_topology_shape *s = &w->s;
  const int half = s->k / 2;
  int core[16 * 16] = { 0 }, edge[16] = { 0 };
  for (int c = 0; c < half * half; c++)
    core[c] = node(w, ORC_NODE_SWITCH, -1, "core%d", c);
  for (int pod = 0; pod < s->k; pod++) {
    for (int i = 0; i < half; i++) {
      edge[i] = node(w, ORC_NODE_SWITCH, -1, "edge%d.%d", pod, i);
      for (int h = 0; h < half; h++) {
        const int host = (pod * half + i) * half + h;
        for (int n = 0; host < s->hosts && n < s->nics; n++)
          join(w, nics[host * s->nics + n], edge[i], s->nic_latency, s->nic_bandwidth);
      }
    }
    for (int i = 0; i < half; i++) {
      const int agg = node(w, ORC_NODE_SWITCH, -1, "agg%d.%d", pod, i);
      for (int j = 0; j < half; j++) {
        join(w, edge[j], agg, s->nic_latency, s->nic_bandwidth);
        join(w, agg, core[i * half + j], s->nic_latency, s->nic_bandwidth);
      }
    }
  }
  orc_topology_spread(w->t, true);
}

static void join_ring(const site *w)
{
  const int n = w->s.hosts * w->s.gpus;
  for (int i = 0; i < n; i++)
    if (i + 1 < n || n > 2) join(w, i, (i + 1) % n, w->s.latency, w->s.bandwidth);
}

/* ---- what the shape leaves open ---- */

static void fill(int *value, int otherwise)
{
  if (*value == 0) *value = otherwise;
}

static void fill_real(double *value, double otherwise)
{
  if (*value == 0.0) *value = otherwise;
}

static void complete(const plan *p, orc_topology_shape *s)
{
  const bool tree = p->out == BETWEEN_FAT_TREE, rails = p->out == BETWEEN_RAILS;
  if (tree) fill(&s->k, 4);
  fill(&s->hosts, tree ? s->k * s->k * s->k / 4 : strcmp(p->name, "hgx_ib") == 0 ? 2 : 1);
  fill(&s->gpus, tree ? 1 : 8);
  if (p->in != INSIDE_RING) fill(&s->nics, rails ? s->gpus : tree || s->hosts > 1 ? 1 : 0);
  if (p->in == INSIDE_PCIE) {
    fill_real(&s->pcie_bandwidth, s->bandwidth);
    fill_real(&s->pcie_latency, s->latency / 2.0);
  }
  const double nvlink = 450e9; /* B/s of one GPU, one direction; see topology.h */
  fill_real(&s->bandwidth, p->in == INSIDE_MESH && s->gpus > 1 ? nvlink / (s->gpus - 1)
                           : p->in == INSIDE_RING              ? nvlink / 2.0
                                                               : nvlink);
  fill_real(&s->latency, 1e-6);
  fill_real(&s->pcie_bandwidth, 32e9 * 16.0 * 128.0 / 130.0 / 8.0);
  fill_real(&s->pcie_latency, 0.5e-6);
  fill_real(&s->nic_bandwidth, 400e9 / 8.0);
  fill_real(&s->nic_latency, 0.5e-6);
}

static bool check_rate(const char *name, const char *what, double v, orc_error *e)
{
  if (v >= 0.0 && v <= 1e18) return true;
  return orc_fail(e, "topology '%s': %s %g B/s; above 0 and up to 1e18 expected", name, what, v);
}

/* As much as a link takes. */
static bool check_time(const char *name, const char *what, double v, orc_error *e)
{
  if (v >= 0.0 && v <= 1e6) return true;
  return orc_fail(e, "topology '%s': %s %g s; 0 to 1e6 expected", name, what, v);
}

static bool check_count(const char *name, const char *what, int v, int most, orc_error *e)
{
  if (v >= 0 && v <= most) return true;
  return orc_fail(e, "topology '%s': %s %d; 1 to %d expected", name, what, v, most);
}

static bool check(const plan *p, const orc_topology_shape *s, orc_error *e)
{
  if (!check_count(p->name, "hosts", s->hosts, 4096, e)) return false;
  if (!check_count(p->name, "gpus", s->gpus, 64, e)) return false;
  if (!check_count(p->name, "nics", s->nics, 64, e)) return false;
  if (!check_count(p->name, "k", s->k, 32, e)) return false;
  return check_rate(p->name, "bandwidth", s->bandwidth, e) &&
         check_time(p->name, "latency", s->latency, e) &&
         check_rate(p->name, "pcie_bandwidth", s->pcie_bandwidth, e) &&
         check_time(p->name, "pcie_latency", s->pcie_latency, e) &&
         check_rate(p->name, "nic_bandwidth", s->nic_bandwidth, e) &&
         check_time(p->name, "nic_latency", s->nic_latency, e);
}

/* What only the completed shape can show. */
static bool check_whole(const plan *p, const orc_topology_shape *s, orc_error *e)
{
  if (s->nics > 0 && s->gpus % s->nics != 0)
    return orc_fail(e, "topology '%s': %d NICs for %d GPUs of a server; a divisor expected",
                    p->name, s->nics, s->gpus);
  if (p->in == INSIDE_RING && s->nics > 0)
    return orc_fail(e, "topology '%s': it has no NICs, %d asked for", p->name, s->nics);
  if (p->out != BETWEEN_FAT_TREE) {
    if (s->k != 0) return orc_fail(e, "topology '%s': k is for fat_tree", p->name);
    return true;
  }
  const int most = s->k * s->k * s->k / 4;
  if (s->k % 2 != 0)
    return orc_fail(e, "topology '%s': k %d; an even number expected", p->name, s->k);
  if (s->hosts > most)
    return orc_fail(e, "topology '%s': %d hosts; k = %d has room for %d", p->name, s->hosts, s->k,
                    most);
  return true;
}

static const plan *find(const char *name, orc_error *e)
{
  for (int i = 0; i < PLANS; i++)
    if (strcmp(plans[i].name, name) == 0) return &plans[i];
  orc_fail(e,
           "unknown topology '%s': pcie, nvlink_mesh, nvswitch, dgx_h100, hgx_ib, fat_tree or "
           "ring expected",
           name);
  return NULL;
}

orc_topology *orc_topology_build(const char *name, const orc_topology_shape *shape, orc_error *e)
{
  const plan *p = find(name, e);
  if (p == NULL || !check(p, shape, e)) return NULL;
  site w = { .s = *shape, .in = p->in };
  complete(p, &w.s);
  if (!check_whole(p, &w.s, e)) return NULL;
  w.t = orc_topology_new();
  for (int g = 0; g < w.s.hosts * w.s.gpus; g++)
    node(&w, ORC_NODE_DEVICE, g / w.s.gpus, "gpu%d", g);
  if (p->in == INSIDE_RING) {
    join_ring(&w);
    return w.t;
  }
  for (int host = 0; host < w.s.hosts; host++)
    join_gpus(&w, host);
  int *nics = orc_alloc((size_t)w.s.hosts * (size_t)w.s.nics, sizeof *nics);
  for (int host = 0; host < w.s.hosts; host++)
    join_pcie(&w, host, nics);
  if (w.s.nics > 0 && p->out == BETWEEN_FAT_TREE) join_fat_tree(&w, nics);
  if (w.s.nics > 0 && p->out == BETWEEN_ONE_SWITCH) join_servers(&w, nics, 1);
  if (w.s.nics > 0 && p->out == BETWEEN_RAILS) join_servers(&w, nics, w.s.nics);
  free(nics);
  return w.t;
}
