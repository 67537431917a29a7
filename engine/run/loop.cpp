#include "run/loop.hpp"

#include "flight/recorder.hpp"
#include "record/hash.hpp"
#include "record/key.hpp"
#include "run/checkpoint_interval.hpp"
#include "run/encode.hpp"
#include "slots/slot_writer.hpp"
#include "store/workflows.hpp"

#include <pawl/error.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <string>

namespace pawl::core {
namespace {

double seconds_of(std::uint64_t ns) noexcept { return static_cast<double>(ns) * 1e-9; }

loop_identity identity_of(const std::string& idempotency_key) {
  loop_identity identity{};
  std::copy_n(idempotency_key.begin(), std::min(identity.size(), idempotency_key.size()), identity.begin());
  return identity;
}

// May somebody go on from this checkpoint, of the run's workflow?
bool is_needed(const run_state& run, snapshot& view, const slot_header& header) {
  stored_item item;
  try {
    if (!view.load(run.workflow.id, header.item, item)) return false;
  } catch (const error&) {  // whoever takes up the item is told
    return true;
  }
  const bool over = item.state == item_state::done || item.state == item_state::skipped ||
                    (item.state == item_state::failed && item.sticky) ||
                    item.reached > step_in_own_revision(run.workflow, item, header.revision, header.step).value_or(item.reached);
  const auto recorded = std::find_if(run.workflow.revisions.begin(), run.workflow.revisions.end(),
                                     [&](const chain_revision& one) { return one.id == header.revision; });
  if (over || recorded == run.workflow.revisions.end() || header.step >= recorded->steps.size()) return false;
  return identity_of(idempotency_key(run.uuid, run.chain->name, item.key, recorded->steps[header.step].name, item.generation,
                                     item.input_digest)) == header.identity;
}

}  // namespace

struct loop_runner::attempt {
  const active_item& item;
  const detail::erased_step& step;
  detail::loop_rounds& rounds;
  std::uint64_t& round;
  loop_totals& totals;
  std::optional<loop_slots> slots;  // nothing where nothing is recorded
  std::optional<checkpoint_interval> interval;
  bool flushed = false;             // what was recorded before the loop
  std::uint64_t begun_at = 0;       // round
  std::uint64_t rounds_ns = 0;

  ~attempt() { totals.rounds(round - begun_at, seconds_of(rounds_ns)); }
};

void loop_runner::run(const active_item& item, const detail::erased_step& step, const std::stop_token& token,
                      detail::loop_rounds& rounds, std::uint64_t& round) {
  ended_.reset();
  round = 0;
  attempt now{item, step, rounds, round, *run_.loops[item.step], {}, {}, false, 0, 0};
  if (run_.slots != nullptr && run_.records) {
    now.slots.emplace(claim(item, step));
    go_on(now);
    now.interval.emplace(*step.loop, expected_cost_s(now));
  }
  const std::uint64_t most = step.loop->rounds_at_most;
  const auto save = [&] {
    if (now.slots && now.interval->rounds_since() != 0) checkpoint(now);
  };
  for (bool over = false; !over;) {
    if (token.stop_requested()) {
      save();
      throw step_stopped();
    }
    if (most != 0 && round >= most) {
      save();
      throw too_many_rounds("loop: step '" + step.name + "' did " + std::to_string(round) +
                            " rounds without returning pawl::round::done; raise rounds_at_most and run again, it goes on "
                            "from there");
    }
    const std::uint64_t began_ns = run_.time.now_ns();
    try {
      over = rounds.once(rounds.self);
    } catch (const skip_item&) {  // with these the item is over
      if (now.slots) ended_.emplace(std::move(*now.slots));
      throw;
    } catch (const sticky_failure&) {
      if (now.slots) ended_.emplace(std::move(*now.slots));
      throw;
    }
    const std::uint64_t took_ns = run_.time.now_ns() - began_ns;
    now.rounds_ns += took_ns;
    ++round;
    if (!now.slots) continue;
    now.interval->round(seconds_of(took_ns));
    if (!over && now.interval->due()) checkpoint(now);
  }
  if (now.slots) ended_.emplace(std::move(*now.slots));
}

loop_slots loop_runner::claim(const active_item& item, const detail::erased_step& step) {
  try {
    return run_.slots->claim(identity_of(idempotency_key(run_.uuid, run_.chain->name, item.key, step.name, item.generation,
                                                         item.input_digest)));
  } catch (const error&) {  // it does not concern this item alone
    run_.fail(std::current_exception());
    throw step_stopped();
  }
}

// Puts the state of the last checkpoint in place of what arrived, where there is one.
void loop_runner::go_on(attempt& now) {
  std::vector<std::string> problems;
  const slot_header* found =
      now.slots->find(now.step.version, now.rounds.type.describe().hash(), buffer(), problems);
  const std::string key = printable_key(now.item.key);
  for (const std::string& problem : problems)
    run_.logger.warn("event=loop_checkpoint_unreadable workflow={} key=\"{}\" step={} reason=\"{}\"", run_.chain->name, key,
                     now.step.name, printable(problem));
  if (found == nullptr) {
    if (problems.empty()) return;
    now.totals.started_over();
    run_.logger.warn("event=loop_started_over workflow={} key=\"{}\" step={} reason=\"no checkpoint of it can be read\"",
                     run_.chain->name, key, now.step.name);
    return;
  }
  now.slots->read([&](decoder& in) { now.rounds.replace(now.rounds.self, in); });
  now.round = now.begun_at = found->round;
  now.totals.resumed(found->round);
  run_.logger.info("event=loop_resumed workflow={} key=\"{}\" step={} round={}", run_.chain->name, key, now.step.name,
                   now.round);
}

double loop_runner::expected_cost_s(const attempt& now) const {
  const detail::loop_policy& policy = *now.step.loop;
  if (!(policy.mtbf_s > 0 || policy.overhead_at_most > 0)) return 0;
  if (const double known = now.totals.known_cost_s(); known > 0) return known;
  size_counter counter;
  now.rounds.type.encode(now.rounds.state(now.rounds.self), counter);
  return guessed_cost_s(counter.size());
}

void loop_runner::checkpoint(attempt& now) {
  release_acknowledged();  // to be written over by this one
  const std::uint64_t began_ns = run_.time.now_ns();
  const void* state = now.rounds.state(now.rounds.self);
  if (run_.settings.check_codecs) {
    buffer_encoder bytes;
    now.rounds.type.encode(state, bytes);
    check_round_trip(now.rounds.type, state, bytes.bytes());
  }
  slot_header what;
  what.item = now.item.id;
  what.workflow = run_.workflow.id;
  what.revision = run_.workflow.current;
  what.step = now.item.step;
  what.generation = now.item.generation;
  what.version = now.step.version;
  what.schema_hash = now.rounds.type.describe().hash();
  what.round = now.round;
  what.written_us = run_.unix_us(began_ns);
  try {
    if (const claim_store* const others = run_.store.claims()) others->check_there();  // or the item is one of theirs
    if (run_.slots->durable() == durability::process && !std::exchange(now.flushed, true)) run_.store.flush();
    const auto written =
        now.slots->write(what, buffer(), [&](encoder& out) { now.rounds.type.encode(state, out); });
    const double took_s = seconds_of(run_.time.now_ns() - began_ns);
    now.interval->checkpointed(took_s, now.totals.checkpointed(took_s, written.size, written.fresh));
    if (now.item.crashes != crash_history::none && run_.flight != nullptr) got_on(now.item);
  } catch (const error& failure) {
    if (failure.code() == errc::codec_failed) throw;  // concerns this item alone
    run_.fail(std::current_exception());
    throw step_stopped();
  }
}

// It is beyond where the process died: that counts no more, and others need not wait for it.
void loop_runner::got_on(const active_item& item) {
  run_.flight->progressed(run_.workflow.id, item.key, item.step);
  mark_.end_turn();
}

std::span<std::byte> loop_runner::buffer() {
  if (buffer_.size() == 0) buffer_ = large_memory(slot_buffer_size);
  return {buffer_.data(), slot_buffer_size};
}

void loop_runner::release(lane_position at) noexcept {
  std::erase_if(waiting_, [&](auto& one) {
    if (one.first > at) return false;
    one.second.release();
    return true;
  });
}

void release_unneeded_slots(run_state& run) {
  if (run.slots == nullptr || run.slots->kept() == 0) return;
  const auto view = run.store.read();
  run.slots->release_unless(run.workflow.id, [&](const slot_header& header) { return is_needed(run, *view, header); });
}

void remove_slots_of_dead(run_state& run, std::uint64_t number) {
  if (std::none_of(run.loops.begin(), run.loops.end(), [](const auto& one) { return one != nullptr; })) return;
  const auto view = run.store.read();
  run.slots->remove_unless(number, run.workflow.id, [&](const slot_header& header) { return is_needed(run, *view, header); });
}

}  // namespace pawl::core
