// A step that fans out, as its item sees it: the call of the source, the wait, and the result.
#include "record/key.hpp"
#include "results.hpp"
#include "run/fan.hpp"
#include "run/marked_call.hpp"
#include "run/step_context.hpp"
#include "run/worker.hpp"

#include <pawl/error.hpp>

#include <utility>

namespace pawl::core {
namespace {

std::string counted(std::uint64_t number) { return std::to_string(number) + (number == 1 ? " child" : " children"); }

// What a child returned, out of the state.
owned_value read_result_of(run_state& children, item_id id) {
  children.store.settle();
  stored_item stored;
  const std::unique_ptr<snapshot> view = children.store.read();
  if (!view->load(children.workflow.id, id, stored))
    throw error(errc::damaged, "a child that is done has vanished from the state; run `pawl verify` on it");
  const std::string key(stored.key);
  const detail::value_type& type = *children.chain->steps.back().result;
  return owned_value(type, [&](void* place) {
    if (!read_result(children.store, *children.chain, key, type, place))
      throw error(errc::not_found, "child '" + printable_key(key) +
                                       "' is done, and its result is not stored, because its chain was another one then; "
                                       "rerun it from its last step");
  });
}

// The results of one fan in the order of its source.
void collect(fan& of, std::vector<owned_value>& read, std::vector<void*>& into) {
  run_state& children = of.queue.run();
  const bool have_results = children.chain->steps.back().result != nullptr;
  for (const item_id id : of.order) {
    const auto found = of.results.find(id);
    if (!have_results) {
      into.push_back(nullptr);
    } else if (found != of.results.end()) {
      into.push_back(found->second.get());
    } else {
      read.push_back(read_result_of(children, id));
      into.push_back(read.back().get());
    }
  }
}

// Why the children's ends fail their parent; empty where they do not.
std::string failure_of(const fan& of, step_kind kind) {
  const detail::fan_rule& rule = of.queue.rule();
  const std::uint64_t failed = of.ended.failed;
  if (failed != 0 && kind == step_kind::parallel)
    return "branch '" + of.queue.run().chain->steps[0].name + "': " + of.failure;
  if (failed != 0 && (!rule.count_failures || rule.collects))
    return std::to_string(failed) + " of " + counted(of.given) + " failed; the first, '" + of.failed_key +
           "': " + of.failure;
  if (rule.collects && of.ended.skipped != 0 && kind != step_kind::parallel)
    return std::to_string(of.ended.skipped) + " of " + counted(of.given) +
           " were skipped and have no result, and .collect() needs one of each";
  return {};
}

}  // namespace

// True where the child waits until all its siblings are recorded, or has left.
bool worker::waits_for_siblings(active_item& item) {
  if (item.released || run_.stopping()) return false;
  const child_turn turn = run_.children->ask(item);
  if (turn == child_turn::leaves) give_up(item);
  return turn != child_turn::starts;
}

// The source was called: the item waits for its children, in nobody's hands.
void worker::start_fan(active_item& item) {
  const std::vector<fan_queue*>& queues = run_.fans[item.step];
  const auto of = std::make_shared<fan_out>(run_, item, now_ns_ - result_.took_ns);
  const std::string scope = scope_of_children(item.key, item.generation);
  for (std::size_t i = 0; i < queues.size(); ++i)
    of->fans.push_back(std::make_unique<fan>(*of, *queues[i], std::move(fan_call_.sources[i]), scope,
                                             queues[i]->first_stage()));
  fan_call_.sources.clear();
  item.fanned_out = of;
  of->open = of->sources_open = queues.size();
  for (std::size_t i = 0; i < queues.size(); ++i) {
    if (queues[i]->push(of, i)) continue;
    ++of->fans[i]->given_up;
    if (of->open.fetch_sub(1, std::memory_order_acq_rel) == 1) give_up(item);
  }
}

// All children have ended. True where the item goes on at once.
bool worker::end_fan(active_item& item) {
  const std::shared_ptr<fan_out> of = std::move(item.fanned_out);
  const detail::erased_step& step = run_.chain->steps[item.step];
  result_ = {};
  for (const auto& one : of->fans) {
    if (one->given_up != 0) {
      give_up(item);
      return false;
    }
    if (!result_.reason.empty()) continue;
    result_.reason = one->broken ? one->broken_because : failure_of(*one, step.kind);
    result_.thrown = one->thrown;
    if (!result_.reason.empty()) result_.end = one->thrown ? call_end::failed : call_end::failed_for_good;
  }
  if (result_.end == call_end::completed) skip_like_a_branch(*of, step.kind);
  if (result_.end == call_end::completed) make_fan_result(item, *of, result_);
  result_.ended_ns = now_ns_ = run_.time.now_ns();
  result_.took_ns = result_.ended_ns - of->opened_ns;
  switch (result_.end) {
    case call_end::completed: return record_completed(item, step, result_);
    case call_end::skipped:
      ++counts_[item.step].skips;
      record_end(item, item_state::skipped, result_);
      return false;
    default: settle_failure(item, step, result_); return false;
  }
}

// A branch says what a step says: that its item is to be skipped.
void worker::skip_like_a_branch(const fan_out& of, step_kind kind) {
  if (kind != step_kind::parallel) return;
  for (const auto& one : of.fans) {
    if (one->ended.skipped == 0) continue;
    result_.end = call_end::skipped;
    result_.reason = one->skip;
    return;
  }
}

// The second call of the step.
void worker::make_fan_result(active_item& item, const fan_out& of, call_result& result) {
  const detail::erased_step& step = run_.chain->steps[item.step];
  children ended;
  std::vector<owned_value> read;
  std::vector<void*> results;
  try {
    for (const auto& one : of.fans) {
      ended = one->ended;
      ended.total = one->given;
      if (one->queue.rule().collects) collect(*one, read, results);
    }
    detail::fan_call over;
    over.ended = &ended;
    over.results = &results;
    step_context source(run_, item, step, run_token_, told_, loops_);
    context ctx(source);
    const marked_call executing(*this, item);
    mark_.began(run_.time.now_ns());
    detail::call_frame frame{item.values, nullptr, place_of(run_.layout, item, item.step + 1u), ctx, {}, nullptr, &over};
    call_function(step, frame, result);
    if (result.end == call_end::completed) item.values[item.step + 1u] = frame.out;
  } catch (...) {
    note_thrown(result);
  }
}

}  // namespace pawl::core
