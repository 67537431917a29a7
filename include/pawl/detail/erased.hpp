// The seam between the typed layer and the compiled engine.
//
// The typed layer (workflow.hpp, step.hpp, codec.hpp) knows types and knows no
// policy: it fills these tables with names, options and function pointers. The
// engine knows policy and no types: it moves raw storage about and calls through
// the tables. No lock, log line, catch ladder or retry loop lives above this seam.
//
// Value numbering, used throughout: value 0 is the item's input, value k is the
// result of step k-1 (steps count from 0). A step that returns void has no value
// of its own: value k is then value k-1.
#pragma once

#include <pawl/outcome.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pawl {
class context;
class encoder;
class decoder;
class schema;
class transaction;
struct children;

enum class step_kind : std::uint8_t {
  effect = 0,  ///< `step`: may touch the outside; starts only on durable ground
  pure = 1,    ///< `pure`: touches nothing outside; never waits
  transactional = 2,  ///< `transactional`: its writes to tables and its checkpoint are one transaction
  loop = 3,    ///< `loop`: an effect in rounds, with checkpoints of its own between them
  batch = 4,   ///< `batch`: an effect, called once for many items
  each = 5,    ///< `each`: fans out into child items and waits for them
  parallel = 6,  ///< `parallel`: several steps with the same input, each an item of its own
};
/// As in the API: "step", "pure", "transactional", "loop", "batch", "each", "parallel".
[[nodiscard]] std::string_view name_of(step_kind kind) noexcept;
}  // namespace pawl

namespace pawl::detail {

struct chain;

/// What the engine must know of a C++ type to store, move and record its values.
/// One static object per type.
struct value_type {
  std::size_t size;
  std::size_t align;
  std::string_view cpp_name;           ///< for messages only
  void (*destroy)(void*) noexcept;     ///< null where trivial
  bool (*copy)(void* to, const void* from);  ///< copy-constructs at `to`; null where the type cannot be copied
  void (*move)(void* to, void* from);  ///< move-constructs at `to`; null where the type cannot be moved
  // The codec. All null where the type has none (only an item's input may lack one).
  const schema& (*describe)();
  void (*encode)(const void* value, encoder& out);
  /// Constructs a value at `storage` from bytes written under `stored` (null: under describe() itself).
  /// Throws pawl::error (codec_failed, schema_mismatch); constructs nothing then.
  void (*decode)(void* storage, decoder& in, const schema* stored);
  /// True where the two are equal, by == if there is one and a value equals itself; null where there is no ==.
  bool (*same)(const void* a, const void* b);
};

/// The inputs of child items, one after the other. Used by one thread at a time.
class child_source {
public:
  virtual ~child_source() = default;
  /// Constructs the next input at `storage`; false where there is no more. May throw.
  virtual bool next(void* storage) = 0;
};

/// The two calls of a step that fans out: the first opens it, the second makes its result when all children have ended.
struct fan_call {
  std::vector<std::unique_ptr<child_source>> sources{};  ///< set by the first: one for each of fan_rule::chains
  const children* ended = nullptr;                       ///< of the second; null: it is the first
  /// Of the second, where results are collected: in the order of the source, or of the chains; may be moved from. Null
  /// where a chain has no result.
  const std::vector<void*>* results = nullptr;
};

/// One call of a step. Built by the engine on the worker's stack.
struct call_frame {
  const void* const* values;  ///< by value number; null where the engine does not hold that value
  void* in;                   ///< the value that the step takes; the step may move from it if it `consumes`
  void* out;                  ///< raw storage for the result, value_type::size bytes; untouched unless completed
  context& ctx;
  std::string reason;         ///< set by the step where the outcome is not a value
  transaction* tx = nullptr;  ///< for a transactional step; else null
  fan_call* fan = nullptr;    ///< for a step that fans out; else null
};

/// One call of a batch step, for many items. Nothing is consumed.
struct batch_call {
  call_frame* const* frames;   ///< by entry
  outcome_kind* kinds;         ///< by entry; `value` unless the function says otherwise
  std::size_t size;            ///< entries
  const std::uint16_t* reads;  ///< erased_step::reads
  context& ctx;                ///< of the call; each frame has that of its entry
  std::size_t filled = 0;      ///< so many entries, the first ones, have got their outcome
};

/// A retry policy. Seconds as double; jitter as a share of the delay (0.2: +-20 %).
struct retry_policy {
  std::uint32_t attempts = 1;  ///< calls in all, the first included
  double first_delay_s = 0;
  double factor = 2;
  double max_delay_s = 60;
  double jitter = 0.2;
};

/// True where the exception in flight is the type that the rule is for.
using exception_test = bool (*)(const std::exception_ptr&);

struct retry_rule {
  exception_test matches;
  retry_policy policy;
  std::string_view exception{};  ///< the type's name, for people
};
struct skip_rule {
  exception_test matches;
  std::uint64_t limit;           ///< at most so many skips by this rule in one run; further ones fail
  std::string_view exception{};  ///< the type's name, for people
};
/// At most `calls` calls begin in any `per_s` seconds. calls 0: no limit.
struct rate_rule {
  std::uint64_t calls = 0;
  double per_s = 0;
};

/// How long, and how many, done items are kept. At least one is set.
struct retain_rule {
  std::optional<double> done_for_s;
  std::optional<std::uint64_t> done_at_most;
};

/// How items are gathered for a batch step. max_items 0: it is none.
struct batch_rule {
  std::uint32_t max_items = 0;
  double max_delay_s = 0;
};

/// Makes a step's result of what an older version of the step returned.
struct migration {
  const value_type* from;            ///< what the older version returned
  std::shared_ptr<const void> self;  ///< the user's function
  /// Constructs the step's result at `to`; may move from `from`. Throws whatever the function throws, and has
  /// constructed nothing then.
  void (*apply)(const void* self, void* to, void* from);
};

/// When a loop checkpoints its state: exactly one of the first four is set.
struct loop_policy {
  double mtbf_s = 0;
  double overhead_at_most = 0;
  std::uint64_t every_rounds = 0;
  double every_s = 0;
  std::uint64_t rounds_at_most = 0;     ///< 0: no limit
};

/// A loop under way: its state and one round of it, as the engine sees them. Lives while the loop's function is called.
struct loop_rounds {
  const value_type& type;               ///< of the state
  void* self;
  const void* (*state)(void* self);     ///< where the state is now
  bool (*once)(void* self);             ///< one round; true where it was the last. May throw whatever the function throws
  /// Destroys the state, then decodes another, so that there are never two. Throws what decoding throws: there is no
  /// state any more then, and no other of these may be called.
  void (*replace)(void* self, decoder& in);
};

/// How a step fans out into children, and what becomes of their ends.
struct fan_rule {
  std::vector<std::shared_ptr<const chain>> chains;  ///< of the children; in a chain they are named after their step
  bool count_failures = false;          ///< a failed child does not fail its parent
  bool reproducible = false;            ///< the source gives the same keys each time: children need not be recorded first
  bool collects = false;                ///< what the children return is wanted
};

struct erased_step {
  std::string name;
  std::uint32_t version = 0;
  step_kind kind = step_kind::effect;
  const value_type* result = nullptr;  ///< null: returns void, its input passes on
  const void* self = nullptr;          ///< the user's function; owned by chain::owner
  /// Calls the function. On outcome_kind::value the result stands constructed in frame.out
  /// (nothing, for a void step). May throw whatever the function throws.
  outcome_kind (*call)(const void* self, call_frame& frame) = nullptr;
  /// Of a batch step, in place of `call`: the same for all entries. Returns for how many entries the function gave
  /// results; where that is not batch_call::size, none of them was looked at.
  std::size_t (*call_batch)(const void* self, batch_call& call) = nullptr;
  bool consumes = false;                ///< takes In or In&&: frame.in may be moved from
  std::vector<std::uint16_t> reads;     ///< further values that it reads (item<T>: 0, from<"x">: index of x + 1)

  bool keep = false;                    ///< this step's result stays stored after the next one
  bool discard = false;                 ///< on the last step: its result is not kept once the item is done
  std::optional<retry_policy> retry;    ///< for every exception that no rule of retry_on takes
  std::vector<retry_rule> retry_on;
  std::vector<skip_rule> skip_on;
  double timeout_s = 0;                 ///< 0: none. Cooperative, by the stop token
  std::uint32_t concurrency = 0;        ///< calls at the same time; 0: no limit
  rate_rule rate;                       ///< of an effect only: an item waits for its checkpoint before those anyway
  bool at_most_once = false;            ///< of an effect: its start is recorded before it is called
  batch_rule batch;                     ///< of a batch step
  bool idempotent = false;              ///< the user declares that a repeated effect does no harm; for people
  std::vector<migration> migrations;    ///< by distinct schemas, none of them the result's own
  std::optional<loop_policy> loop;      ///< of a loop
  std::optional<fan_rule> fan;          ///< of a step that fans out
};

/// Receives one typed key. Exactly one call.
class key_sink {
public:
  virtual void number(bool negative, std::uint64_t twos_complement) = 0;
  virtual void text(std::string_view bytes) = 0;

protected:
  ~key_sink() = default;
};

/// A whole workflow, erased. Immutable once built; shared by every workflow_of that copies it
/// and by the engine while items run.
struct chain {
  std::string name;
  const value_type* input = nullptr;
  const value_type* output = nullptr;   ///< of the last step that has a result; else the input
  std::vector<erased_step> steps;
  /// Writes the key of an input; null where the input is not its own key and no `.key()` was given.
  void (*key)(const void* key_self, const void* input, key_sink& into) = nullptr;
  const void* key_self = nullptr;
  bool input_is_key = false;            ///< the input can be rebuilt from the key alone by `input_from_key`
  /// Constructs an input at `storage` from its key: for numbers `text` is empty, else `number` is 0.
  void (*input_from_key)(void* storage, std::uint64_t number, std::string_view text) = nullptr;
  std::shared_ptr<const void> owner;    ///< the functions (a tuple of them) and the projection
  std::optional<retain_rule> retain;    ///< unset: done items are kept for ever
};

/// The source of a run: constructs the next input at `storage` or says that there is none.
/// Called by one thread at a time. May throw.
struct erased_source {
  void* self = nullptr;
  bool (*next)(void* self, void* storage) = nullptr;
  std::optional<std::uint64_t> size;    ///< where known: for progress only
};

/// One input that is submitted: constructs it at `storage`. May throw, and has constructed nothing then.
struct erased_input {
  void* self = nullptr;
  void (*construct)(void* self, void* storage) = nullptr;
};

}  // namespace pawl::detail
