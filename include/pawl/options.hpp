// The option structs, and nothing else. Every field has a default: write the ones
// that you mean, `{.attempts = 5, .first_delay = 200ms}`, and leave out the rest.
#pragma once

#include <pawl/progress.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

namespace spdlog {
class logger;
}

namespace pawl {

/// Any duration converts to it without loss: 200ms, 5s, std::chrono::minutes(2).
using seconds = std::chrono::duration<double>;

/// How often a step that throws is called again, and after how long. The delay
/// before attempt n+1 is first_delay * factor^(n-1), at most max_delay, times a
/// random number in [1-jitter, 1+jitter]. No thread waits meanwhile.
/// A step without .retry has one attempt.
struct retry_options {
  std::uint32_t attempts = 3;                     ///< calls in all, the first included; at least 1
  seconds first_delay = std::chrono::seconds(1);  ///< not negative
  double factor = 2;                              ///< at least 1
  seconds max_delay = std::chrono::seconds(60);   ///< not below first_delay
  double jitter = 0.2;                            ///< share of the delay, 0 to 1
};

/// At most `calls` calls of a step begin in any `per`; as many may begin at once.
struct rate_options {
  std::uint32_t calls = 1;              ///< 1 to 1,048,576
  seconds per = std::chrono::seconds(1);  ///< above 0, at most a year
};

/// How often the state of a pawl::loop is checkpointed, and how long the loop may go on. At most one of the first four is
/// set; with none it is `mtbf` of a day. An interval counts the time of rounds alone and ends with a round.
struct loop_options {
  /// The mean time between failures that is to be expected. With the cost of a checkpoint, which is measured, it gives
  /// the interval at which checkpoints and work done again cost least together: about sqrt(2 * cost * mtbf) by J. W.
  /// Young, "A first order approximation to the optimum checkpoint interval", CACM 17(9), 1974; refined by J. T. Daly,
  /// "A higher order estimate of the optimum checkpoint interval for restart dumps", FGCS 22(3), 2006, which is what is
  /// used.
  seconds mtbf{};
  /// Checkpoints take at most this share of the time that rounds take: 0.01 is one percent. The first one waits until
  /// its expected cost is earned.
  double overhead_at_most = 0;
  std::uint64_t every_rounds = 0;  ///< after so many rounds
  seconds every{};                 ///< after so much time of rounds
  /// A loop that has not returned round::done after so many rounds, all runs together, throws pawl::too_many_rounds; its
  /// state is checkpointed first, so a run with a higher limit goes on from there. 0: no limit.
  std::uint64_t rounds_at_most = 0;
};

/// How items are gathered for one call of a pawl::batch step.
struct batch_options {
  std::uint32_t max_items = 1000;                      ///< entries of a call, at most; 1 to 1,048,576
  seconds max_delay = std::chrono::milliseconds(10);  ///< how long an entry waits for others; not negative, a year at most
};

/// How long, and how many, done items of a workflow are kept: `.retain` on it, engine::prune, `pawl prune`. At least one of
/// the two is set. Only done items are ever removed; failed, skipped and unfinished ones stay.
///
/// **A removed item is forgotten**, its results with it: a later run whose source gives that key again does it again, from
/// the first step, as if it had never been (so with the idempotency keys of that, where its input is the same). Keep items
/// for longer than a source may repeat a key.
struct retain_options {
  /// Done items that ended longer ago than this may go; 0 to a thousand years. *Two readings of the clock, of which an earlier run
  /// recorded one, must say so*: the clock now, and the newest time that is recorded of the workflow before this run began.
  /// So a clock that jumps ahead removes nothing in the run in which it does, a workflow that is not worked on loses nothing,
  /// and the first run after a long pause removes nothing either. (An item that ended while the clock was behind counts as
  /// old as that clock said.)
  std::optional<seconds> done_for{};
  /// Of what is left, at most so many; those that ended first go first.
  std::optional<std::uint64_t> done_at_most{};
};

/// What a completed step survives once something was built on it. Either way nothing that is stored is corrupted.
enum class durability : std::uint8_t {
  power,    ///< power loss: a `step` starts only when everything before it is on the disk
  process,  ///< the death of the process at once, power loss within engine_options::flush_interval: after one, the
            ///< state is an earlier consistent one, and steps of that last interval run again
};

/// "power", "process".
[[nodiscard]] std::string_view name_of(durability kind) noexcept;

/// Who may have the state directory open.
enum class opening : std::uint8_t {
  exclusive,  ///< one process; a second one is refused with the pid of the first
  /// Any number of processes of one machine, each of which says so. They run the same program over the same items (with the
  /// same inputs: a changed one is done again), or over parts of them, or different workflows; **an item is in one process
  /// at a time**, and a run ends when every item of its source has ended, whichever process did it: also where another one
  /// backs off, or is stopped, for long. stop() ends the run of one process. When a process dies, whichever way, the others
  /// that run its workflow take its items over within a second, at the step that each had reached, unless they are waiting
  /// for their own source; a stopped one (SIGSTOP) lives, until `pawl evict PID`. Every record is a commit of LMDB, shared by
  /// what gathered, and always survives power loss.
  ///
  /// Refused, with a sentence: durability::process, threads other than workers, workflows with pawl::each or
  /// pawl::parallel, inputs that are not recorded, open(), submit() and find(), and rerun, retry, skip and prune (open the
  /// state alone for those). .retain waits for that, too, and says so in the log. A second process with another chain of a
  /// workflow that is being run is refused. A state that a process had alone and left without closing it must be opened
  /// alone, and closed, once.
  ///
  /// A loop goes on in another process at its last checkpoint; transactional steps are called by one process at a time.
  /// Crashes count against items (max_crashes) in whichever process they happen; a suspect is called alone in its process.
  /// Limits of steps (concurrency, rate, batches) count in each process for itself.
  shared,
};

/// Which threads the engine has.
enum class threads : std::uint8_t {
  workers,  ///< those that call steps (engine_options::workers), and its own for the storage
  flusher,  ///< steps and callbacks run in engine::poll and engine::run, on the caller's thread; what is recorded is
            ///< flushed and moved to LMDB on threads of the engine's, which call nothing of the user's
  none,     ///< as `flusher`, but the caller's thread does that, too: with durability::power a poll that finds nothing
            ///< else to do blocks for one flush, and now and then a call moves a batch of records to LMDB, which
            ///< takes some tenths of a second. With durability::process a power cut may take back what was recorded
            ///< since the last such call, however long ago. Refused, for they need a thread: time-outs, progress, signals,
            ///< transactional steps
};

struct engine_options {
  pawl::durability durability = durability::power;
  pawl::opening opening = opening::exclusive;
  /// With durability::process: what was recorded so long ago is on the disk.
  seconds flush_interval = std::chrono::milliseconds(100);
  /// Room for what is recorded and not yet folded into LMDB, bytes of files; 16 MiB to 1 TiB. They grow to it as
  /// needed, are written over again and again, and do not shrink. Where it is full, recording waits.
  std::uint64_t journal_bytes = std::uint64_t{256} << 20;
  pawl::threads threads = pawl::threads::workers;
  /// With threads::workers: how many call steps, in a run and where items are submitted; 0: one per core.
  std::size_t workers = 0;
  /// Items taken from the source, or submitted, and not finished yet, at most.
  std::size_t window_items = 8192;
  /// Bytes of the results held in memory for them, at most (one item may exceed it alone).
  std::size_t window_bytes = std::size_t{64} << 20;
  /// An item in whose step the process died so often is failed, with "crashed the process in step ..."; like any sticky
  /// failure it stays so until somebody retries it, and the other items go on. What counts, and what does not, says the
  /// README under "Poison items": no kill from outside does. A completed step, or a checkpoint of a loop, begins anew.
  /// 0: never.
  std::uint32_t max_crashes = 3;
  /// Handlers of SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS and SIGABRT while an engine of the process is open: they
  /// note which item a dying thread is executing, then whatever was installed before is called, or the default action
  /// taken. False: none are installed, and a crash counts only where the kernel tells that memory was out.
  bool crash_handlers = true;
  /// Decode every encoded result again and compare it with the original: a codec that loses something
  /// is found at once instead of at the first crash. Unset: on where NDEBUG is not defined.
  std::optional<bool> check_codecs{};
  /// Where the engine logs; it may be used from every worker. Null: a logger named "pawl" of the
  /// library's own, to stderr, level info: one line per run and per event worth one, none per step.
  std::shared_ptr<spdlog::logger> logger{};
  /// False: log lines leave out what exceptions say, for steps, sources and codecs may quote inputs and results in them;
  /// the report and the exception that run() throws have it all the same. Results themselves are never logged.
  bool values_in_logs = true;
};

/// Items that an earlier run left failed.
enum class on_failed : std::uint8_t {
  retry,  ///< try again from the step that failed (sticky failures stay)
  keep,   ///< leave and count them
};

/// The recorded history of an item belongs to another chain than the one that runs.
enum class on_changed_chain : std::uint8_t {
  stop,   ///< done items stay done; an unfinished one that would have to repeat an effect stops with the reason
  rerun,  ///< go on from the longest prefix that still matches, effects included
};

/// The source gives another input for a key than the one that is recorded.
enum class on_changed_input : std::uint8_t {
  rerun,   ///< do the item again from its first step, with a new generation
  ignore,  ///< go on with what is recorded
  fail,    ///< the item fails, with the reason
};

struct run_options {
  pawl::on_failed on_failed = on_failed::retry;
  pawl::on_changed_chain on_changed_chain = on_changed_chain::stop;
  pawl::on_changed_input on_changed_input = on_changed_input::rerun;
  /// When requested: nothing new starts, what runs is finished and recorded, run() returns.
  std::stop_token stop{};
  /// SIGINT and SIGTERM do the same while run() is under way; a second signal kills as usual.
  /// Process-wide: only for programs that have no handlers of their own.
  bool stop_on_signals = false;
  /// Called about every `progress_interval` and once at the end, by one thread at a time, which is one of
  /// the engine's. Keep it short. If it throws, the run stops with pawl::error(callback_failed).
  std::function<void(const pawl::progress&)> progress{};
  seconds progress_interval = std::chrono::milliseconds(500);
  /// Seed of the jitter of retries, for runs that must be repeatable; unset: a random one.
  std::optional<std::uint64_t> seed{};
};

}  // namespace pawl
