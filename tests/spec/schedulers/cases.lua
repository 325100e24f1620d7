--- Schedules of the unmodified vLLM schedulers (0.11.0 and 0.33.0, v1/core/sched), each of a rule, small enough to
-- follow by hand: driven without a GPU on a virtual clock on which every step takes 10 ms.
--
-- knobs: what differs from a budget of 64 tokens, 8 seats, 32 blocks of 16, 128 tokens of context, caching off.
-- requests: name, arrival in ms, tokens of prompt and output; begins: a text that others begin with too, and how
-- much of it ("own a": what a's own text begins with).
-- steps: start in ms (with @: when it was made, if asynchronous), the tokens of each request, after the bar the blocks
-- in use once it was made, and after a minus sign who was preempted. ends: first token and end in ms, tokens found at
-- the first admission, preemptions, tokens scheduled after the end.
return {
  {
    name = "fcfs-chunks", vllm = "0.33",
    shows = "running requests first, in order of admission; the rest of the budget is a chunk of the next prompt",
    knobs = { max_num_batched_tokens = 32 },
    requests = {
      { "a", at = 0, prompt = 40, output = 4 },
      { "b", at = 5, prompt = 30, output = 2 },
      { "c", at = 5, prompt = 10, output = 3 },
    },
    steps = [[
       0  a 32                        |  2
      10  a 8  b 24                   |  5
      20  a 1  b 6  c 10              |  6
      30  a 1  b 1  c 1               |  6
      40  a 1  c 1                    |  4
    ]],
    ends = [[
      a      20   50
      b      30   40
      c      30   50
    ]],
  },
  {
    name = "fcfs-seats", vllm = "0.11",
    shows = "a seat freed at a step's end is taken in the next",
    knobs = { max_num_seqs = 2 },
    requests = {
      { "a", at = 0, prompt = 20, output = 4 },
      { "b", at = 5, prompt = 20, output = 2 },
      { "c", at = 6, prompt = 20, output = 2 },
    },
    steps = [[
       0  a 20                        |  2
      10  a 1  b 20                   |  4
      20  a 1  b 1                    |  4
      30  a 1  c 20                   |  4
      40  c 1                         |  2
    ]],
    ends = [[
      a      10   40
      b      20   30
      c      40   50
    ]],
  },
  {
    name = "first-chunk-admission", vllm = "0.11",
    shows = "room for the first chunk is enough to be admitted: b comes and goes four times",
    knobs = { max_num_batched_tokens = 24, usable_kv_blocks = 6 },
    requests = {
      { "a", at = 0, prompt = 40, output = 12 },
      { "b", at = 5, prompt = 50, output = 3 },
    },
    steps = [[
       0  a 24                        |  2
      10  a 16  b 8                   |  4
      20  a 1  b 23                   |  5
      30  a 1                         |  3  -b
      40  a 1  b 23                   |  5
      50  a 1  b 23                   |  6
      60  a 1                         |  3  -b
      70  a 1  b 23                   |  5
      80  a 1  b 23                   |  6
      90  a 1                         |  3  -b
     100  a 1  b 23                   |  6
     110  a 1                         |  4  -b
     120  a 1  b 23                   |  6
     130  b 24                        |  3
     140  b 3                         |  4
     150  b 1                         |  4
     160  b 1                         |  4
    ]],
    ends = [[
      a      20  130
      b     150  170  preempted 4
    ]],
  },
  {
    name = "whole-sequence-admission", vllm = "0.33",
    shows = "the same requests; b is admitted when its whole prompt fits",
    knobs = { max_num_batched_tokens = 24, usable_kv_blocks = 6 },
    requests = {
      { "a", at = 0, prompt = 40, output = 12 },
      { "b", at = 5, prompt = 50, output = 3 },
    },
    steps = [[
       0  a 24                        |  2
      10  a 16                        |  3
      20  a 1                         |  3
      30  a 1                         |  3
      40  a 1                         |  3
      50  a 1                         |  3
      60  a 1                         |  3
      70  a 1                         |  3
      80  a 1                         |  3
      90  a 1                         |  3
     100  a 1                         |  4
     110  a 1                         |  4
     120  a 1                         |  4
     130  b 24                        |  2
     140  b 24                        |  3
     150  b 2                         |  4
     160  b 1                         |  4
     170  b 1                         |  4
    ]],
    ends = [[
      a      20  130
      b     160  180
    ]],
  },
  {
    name = "preempted-finds-itself", vllm = "0.33",
    shows = "b gives way at 90; at 120 it finds 32 of its 48 tokens where it left them",
    knobs = { usable_kv_blocks = 6, enable_prefix_caching = true },
    requests = {
      { "a", at = 0, prompt = 40, output = 12 },
      { "b", at = 0, prompt = 40, output = 10 },
    },
    steps = [[
       0  a 40  b 24                  |  5
      10  a 1  b 16                   |  6
      20  a 1  b 1                    |  6
      30  a 1  b 1                    |  6
      40  a 1  b 1                    |  6
      50  a 1  b 1                    |  6
      60  a 1  b 1                    |  6
      70  a 1  b 1                    |  6
      80  a 1  b 1                    |  6
      90  a 1                         |  4  -b
     100  a 1                         |  4
     110  a 1                         |  4
     120  b 16                        |  3
     130  b 1                         |  4
    ]],
    ends = [[
      a      10  120
      b      20  140  preempted 1
    ]],
  },
  {
    name = "free-queue", vllm = "0.11",
    shows = "blocks are used again in order of freeing: e finds one block of a",
    knobs = { usable_kv_blocks = 7, enable_prefix_caching = true },
    requests = {
      { "a", at = 0, prompt = 39, output = 2 },
      { "b", at = 25, prompt = 38, output = 2 },
      { "c", at = 50, prompt = 20, output = 2 },
      { "d", at = 75, prompt = 40, output = 1, begins = { "own b", 32 } },
      { "e", at = 95, prompt = 40, output = 1, begins = { "own a", 32 } },
    },
    steps = [[
       0  a 39                        |  3
      10  a 1                         |  3
      25  b 38                        |  3
      35  b 1                         |  3
      50  c 20                        |  2
      60  c 1                         |  2
      75  d 8                         |  3
      95  e 24                        |  3
    ]],
    ends = [[
      a      10   20
      b      35   45
      c      60   70
      d      85   85  cached 32
      e     105  105  cached 16
    ]],
  },
  {
    name = "free-queue", vllm = "0.33",
    shows = "blocks without content go first: e finds two",
    knobs = { usable_kv_blocks = 7, enable_prefix_caching = true },
    requests = {
      { "a", at = 0, prompt = 39, output = 2 },
      { "b", at = 25, prompt = 38, output = 2 },
      { "c", at = 50, prompt = 20, output = 2 },
      { "d", at = 75, prompt = 40, output = 1, begins = { "own b", 32 } },
      { "e", at = 95, prompt = 40, output = 1, begins = { "own a", 32 } },
    },
    steps = [[
       0  a 39                        |  3
      10  a 1                         |  3
      25  b 38                        |  3
      35  b 1                         |  3
      50  c 20                        |  2
      60  c 1                         |  2
      75  d 8                         |  3
      95  e 8                         |  3
    ]],
    ends = [[
      a      10   20
      b      35   45
      c      60   70
      d      85   85  cached 32
      e     105  105  cached 32
    ]],
  },
  {
    name = "priority-victim-was-scheduled", vllm = "0.11",
    shows = "a is preempted at 40 when it was scheduled: its token stays, and counts as computed later",
    knobs = { usable_kv_blocks = 8, scheduling_policy = "priority" },
    requests = {
      { "a", at = 0, prompt = 46, output = 6, priority = 3 },
      { "b", at = 5, prompt = 30, output = 9, priority = 1 },
      { "c", at = 15, prompt = 31, output = 9, priority = 0 },
    },
    steps = [[
       0  a 46                        |  3
      10  a 1  b 30                   |  5
      20  a 1  b 1  c 31              |  7
      30  a 1  b 1  c 1               |  8
      40  a 1  b 1                    |  5  -a
      50  b 1  c 1                    |  6
      60  b 1  c 1                    |  6
      70  b 1  c 1                    |  6
      80  b 1  c 1                    |  6
      90  b 1  c 1                    |  6
     100  c 1  a 49                   |  7
     110  c 1  a 1                    |  7
    ]],
    ends = [[
      a      10  120  preempted 1
      b      20  100
      c      30  120
    ]],
  },
  {
    name = "priority-victim-was-scheduled", vllm = "0.33",
    shows = "the same requests: the token goes back to the budget",
    knobs = { usable_kv_blocks = 8, scheduling_policy = "priority" },
    requests = {
      { "a", at = 0, prompt = 46, output = 6, priority = 3 },
      { "b", at = 5, prompt = 30, output = 9, priority = 1 },
      { "c", at = 15, prompt = 31, output = 9, priority = 0 },
    },
    steps = [[
       0  a 46                        |  3
      10  a 1  b 30                   |  5
      20  a 1  b 1  c 31              |  7
      30  a 1  b 1  c 1               |  8
      40  b 1  c 1                    |  6  -a
      50  b 1  c 1                    |  6
      60  b 1  c 1                    |  6
      70  b 1  c 1                    |  6
      80  b 1  c 1                    |  6
      90  b 1  c 1                    |  6
     100  c 1  a 50                   |  7
     110  a 1                         |  4
    ]],
    ends = [[
      a      10  120  preempted 1
      b      20  100
      c      30  110
    ]],
  },
  {
    name = "chunking-off", vllm = "0.11",
    shows = "d overtakes c, which does not fit into what is left of the budget",
    knobs = { max_num_seqs = 3, max_model_len = 64, enable_chunked_prefill = false },
    requests = {
      { "a", at = 0, prompt = 40, output = 4 },
      { "b", at = 5, prompt = 50, output = 2 },
      { "c", at = 6, prompt = 55, output = 2 },
      { "d", at = 7, prompt = 10, output = 2 },
    },
    steps = [[
       0  a 40                        |  3
      10  a 1  b 50  d 10             |  8
      20  a 1  b 1  d 1               |  8
      30  a 1  c 55                   |  7
      40  c 1                         |  4
    ]],
    ends = [[
      a      10   40
      b      20   30
      c      40   50
      d      20   30
    ]],
  },
  {
    name = "chunking-off", vllm = "0.33",
    shows = "the same requests: c stops the scan",
    knobs = { max_num_seqs = 3, max_model_len = 64, enable_chunked_prefill = false },
    requests = {
      { "a", at = 0, prompt = 40, output = 4 },
      { "b", at = 5, prompt = 50, output = 2 },
      { "c", at = 6, prompt = 55, output = 2 },
      { "d", at = 7, prompt = 10, output = 2 },
    },
    steps = [[
       0  a 40                        |  3
      10  a 1  b 50                   |  7
      20  a 1  b 1  c 55              | 11
      30  a 1  c 1  d 10              |  8
      40  d 1                         |  1
    ]],
    ends = [[
      a      10   40
      b      20   30
      c      30   40
      d      40   50
    ]],
  },
  {
    name = "threshold-spares-the-lone", vllm = "0.33",
    shows = "a alone computes 64 at a time; beside another, 16 at most",
    knobs = { long_prefill_token_threshold = 16 },
    requests = {
      { "a", at = 0, prompt = 80, output = 3 },
      { "b", at = 15, prompt = 40, output = 2 },
    },
    steps = [[
       0  a 64                        |  4
      10  a 16                        |  5
      20  a 1  b 16                   |  7
      30  a 1  b 16                   |  8
      40  b 8                         |  3
      50  b 1                         |  3
    ]],
    ends = [[
      a      20   40
      b      50   60
    ]],
  },
  {
    name = "watermark", vllm = "0.33",
    shows = "b waits, as its 4 blocks would leave less than a fifth (2 of 10, the null block counted)",
    knobs = { usable_kv_blocks = 9, watermark = 0.2 },
    requests = {
      { "a", at = 0, prompt = 60, output = 3 },
      { "b", at = 5, prompt = 60, output = 2 },
      { "c", at = 5, prompt = 10, output = 2 },
    },
    steps = [[
       0  a 60                        |  4
      10  a 1                         |  4
      20  a 1                         |  4
      30  b 60  c 4                   |  5
      40  b 1  c 6                    |  5
      50  c 1                         |  1
    ]],
    ends = [[
      a      10   30
      b      40   50
      c      50   60
    ]],
  },
  {
    name = "prefill-interval", vllm = "0.33",
    shows = "prompts compute in every third step while others decode",
    knobs = { prefill_schedule_interval = 3 },
    requests = {
      { "a", at = 0, prompt = 30, output = 8 },
      { "b", at = 5, prompt = 80, output = 2 },
    },
    steps = [[
       0  a 30                        |  2
      10  a 1                         |  2
      20  a 1                         |  2
      30  a 1  b 63                   |  7
      40  a 1                         |  7
      50  a 1                         |  7
      60  a 1  b 17                   |  8
      70  a 1  b 1                    |  9
    ]],
    ends = [[
      a      10   80
      b      70   80
    ]],
  },
  {
    name = "window-blocks-go", vllm = "0.33",
    shows = "a window of 32 keeps 2 or 3 blocks of 16",
    knobs = { max_num_batched_tokens = 48, kv_groups = { { kind = "sliding", window = 32 } } },
    requests = {
      { "a", at = 0, prompt = 90, output = 10 },
    },
    steps = [[
       0  a 48                        |  3
      10  a 42                        |  5
      20  a 1                         |  3
      30  a 1                         |  3
      40  a 1                         |  3
      50  a 1                         |  3
      60  a 1                         |  3
      70  a 1                         |  2
      80  a 1                         |  3
      90  a 1                         |  3
     100  a 1                         |  3
    ]],
    ends = [[
      a      20  110
    ]],
  },
  {
    name = "window-and-full-junction", vllm = "0.33",
    shows = "b finds 64 tokens in full attention, none in the window; it keeps those, so that c finds both",
    knobs = { usable_kv_blocks = 40, enable_prefix_caching = true,
              kv_groups = { { kind = "sliding", window = 32 }, { kind = "full" } } },
    requests = {
      { "a", at = 0, prompt = 112, output = 2, begins = { "s", 64 } },
      { "b", at = 45, prompt = 80, output = 2, begins = { "s", 64 } },
      { "c", at = 85, prompt = 80, output = 2, begins = { "s", 64 } },
    },
    steps = [[
       0  a 64                        |  8
      10  a 48                        | 12
      20  a 1                         | 11
      45  b 64                        |  8
      55  b 16                        |  8
      65  b 1                         |  9
      85  c 16                        |  8
      95  c 1                         |  9
    ]],
    ends = [[
      a      20   30
      b      65   75
      c      95  105  cached 64
    ]],
  },
  {
    name = "chunked-attention", vllm = "0.11",
    shows = "chunks of 32: those before the last one are let go in one group, and count as found",
    knobs = { usable_kv_blocks = 24, enable_prefix_caching = true,
              kv_groups = { { kind = "chunked", chunk = 32 }, { kind = "full" } } },
    requests = {
      { "a", at = 0, prompt = 72, output = 6, begins = { "s", 70 } },
      { "b", at = 75, prompt = 75, output = 3, begins = { "s", 70 } },
    },
    steps = [[
       0  a 64                        |  8
      10  a 8                         |  7
      20  a 1                         |  7
      30  a 1                         |  7
      40  a 1                         |  7
      50  a 1                         |  7
      60  a 1                         |  7
      75  b 11                        |  6
      85  b 1                         |  6
      95  b 1                         |  6
    ]],
    ends = [[
      a      20   70
      b      85  105  cached 64
    ]],
  },
  {
    name = "mamba-align", vllm = "0.33",
    shows = "chunks end on block boundaries; a request holds two states at a time in each group; d lacks b's",
    knobs = { usable_kv_blocks = 40, enable_prefix_caching = true,
              kv_groups = { { kind = "mamba", mode = "align" }, { kind = "mamba", mode = "align" },
                            { kind = "full" } } },
    requests = {
      { "a", at = 0, prompt = 74, output = 3, begins = { "s", 64 } },
      { "b", at = 5, prompt = 90, output = 2 },
      { "c", at = 65, prompt = 74, output = 2, begins = { "s", 64 } },
      { "d", at = 75, prompt = 50, output = 2, begins = { "own b", 48 } },
    },
    steps = [[
       0  a 64                        |  6
      10  a 10  b 48                  | 14
      20  a 1  b 32                   | 16
      30  a 1  b 10                   | 17
      40  b 1                         |  8
      65  c 10                        |  9
      75  c 1  d 48                   | 12
      85  d 2                         |  8
      95  d 1                         |  6
    ]],
    ends = [[
      a      20   40
      b      40   50
      c      75   85  cached 64
      d      95  105
    ]],
  },
  {
    name = "async-length-and-stop", vllm = "0.33",
    shows = "a step is made when the one before it starts: b, ended by a stop token, is scheduled once too often",
    knobs = { max_num_seqs = 2, async_scheduling = true },
    requests = {
      { "a", at = 0, prompt = 20, output = 3 },
      { "b", at = 2, prompt = 20, output = 3, ends_by = "stop" },
      { "c", at = 12, prompt = 20, output = 2 },
    },
    steps = [[
       0 @0     a 20                        |  2
      10 @0     a 1                         |  2
      20 @10    a 1  b 20                   |  4
      30 @20    b 1                         |  4
      40 @30    b 1  c 20                   |  4
      50 @40    b 1  c 1                    |  4
    ]],
    ends = [[
      a      10   30
      b      30   50  after 1
      c      50   60
    ]],
  },
  {
    name = "async-preempted-in-flight", vllm = "0.33",
    shows = "b is preempted at 80 with a token in flight, which it gets",
    knobs = { usable_kv_blocks = 6, enable_prefix_caching = true, async_scheduling = true },
    requests = {
      { "a", at = 0, prompt = 40, output = 12 },
      { "b", at = 0, prompt = 40, output = 10 },
    },
    steps = [[
       0 @0     a 40  b 24                  |  5
      10 @0     a 1  b 16                   |  6
      20 @10    a 1  b 1                    |  6
      30 @20    a 1  b 1                    |  6
      40 @30    a 1  b 1                    |  6
      50 @40    a 1  b 1                    |  6
      60 @50    a 1  b 1                    |  6
      70 @60    a 1  b 1                    |  6
      80 @70    a 1  b 1                    |  6
      90 @80    a 1                         |  4  -b
     100 @90    a 1                         |  4
     110 @100   a 1                         |  4
     120 @120   b 16                        |  3
     130 @120   b 1                         |  4
    ]],
    ends = [[
      a      10  120
      b      20  140  preempted 1
    ]],
  },
  {
    name = "conversation", vllm = "0.33",
    shows = "the next turn finds question and answer, but for the answer's last block",
    knobs = { enable_prefix_caching = true },
    requests = {
      { "a", at = 0, prompt = 27, output = 7, conversation = { turns = 2, think_ms = 15, input = 5 } },
    },
    steps = [[
       0  a 27                        |  2
      10  a 1                         |  2
      20  a 1                         |  2
      30  a 1                         |  2
      40  a 1                         |  2
      50  a 1                         |  2
      60  a 1                         |  3
      85  a/2 7                       |  3
      95  a/2 1                       |  3
     105  a/2 1                       |  3
     115  a/2 1                       |  3
     125  a/2 1                       |  3
     135  a/2 1                       |  3
     145  a/2 1                       |  3
    ]],
    ends = [[
      a      10   70
      a/2    95  155  cached 32
    ]],
  },
  {
    name = "priority-preempts-itself", vllm = "0.11",
    shows = "a, the least urgent, preempts itself; the step ends with nothing, and the next, at once, admits it",
    knobs = { max_num_batched_tokens = 32, usable_kv_blocks = 5, scheduling_policy = "priority" },
    requests = {
      { "a", at = 0, prompt = 46, output = 4, priority = 3 },
      { "b", at = 5, prompt = 20, output = 5, priority = 0 },
    },
    steps = [[
       0  a 32                        |  2
      10  a 14  b 18                  |  5
      20  a 1  b 2                    |  5
      30  a 1  b 1                    |  5
      40  b 1  a 31                   |  4  -a
      50  b 1                         |  2  -a
      60  b 1  a 31                   |  4
      70  a 18                        |  4
    ]],
    ends = [[
      a      20   80  preempted 2
      b      30   70
    ]],
  },
  {
    name = "priority-preempts-itself", vllm = "0.33",
    shows = "the same requests: b goes on in that step, and nobody is admitted in it",
    knobs = { max_num_batched_tokens = 32, usable_kv_blocks = 5, scheduling_policy = "priority",
              scheduler_reserve_full_isl = false },
    requests = {
      { "a", at = 0, prompt = 46, output = 4, priority = 3 },
      { "b", at = 5, prompt = 20, output = 5, priority = 0 },
    },
    steps = [[
       0  a 32                        |  2
      10  a 14  b 18                  |  5
      20  a 1  b 2                    |  5
      30  a 1  b 1                    |  5
      40  b 1                         |  2  -a
      50  b 1  a 31                   |  4
      60  b 1                         |  2  -a
      70  a 32                        |  2
      80  a 17                        |  4
    ]],
    ends = [[
      a      20   90  preempted 2
      b      30   70
    ]],
  },
}
