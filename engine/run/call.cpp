// The call of a step: what surrounds the user's function. The one catch ladder of the engine.

#include "run/step_context.hpp"
#include "run/worker.hpp"

#include <pawl/error.hpp>

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <new>

namespace pawl::core {
namespace {

std::string unknown_exception() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "the step threw something that is not a std::exception";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type->name(), nullptr, nullptr, &status),
                                                    std::free);
  return std::string("the step threw a value of type ") + (status == 0 ? name.get() : type->name()) +
         ", which is not a std::exception";
}

// An exception may be as odd as it likes.
std::string text_of(const std::exception& thrown) {
  const char* text = thrown.what();
  return text != nullptr ? text : "the step threw an exception that says nothing";
}

// A copy of a value for a step that consumes it while it is needed again.
class value_copy {
public:
  value_copy(const detail::value_type& type, const void* value) : type_(type) {
    const std::align_val_t align{type.align};
    storage_ = ::operator new(type.size, align);
    try {
      if (type.copy == nullptr || !type.copy(storage_, value)) copy_through_codec(value);
    } catch (...) {
      ::operator delete(storage_, align);
      throw;
    }
  }
  ~value_copy() {
    if (type_.destroy != nullptr) type_.destroy(storage_);
    ::operator delete(storage_, std::align_val_t{type_.align});
  }
  value_copy(const value_copy&) = delete;
  value_copy& operator=(const value_copy&) = delete;
  [[nodiscard]] void* get() const noexcept { return storage_; }

private:
  void copy_through_codec(const void* value) {
    buffer_encoder bytes;
    bytes.clear();
    type_.encode(value, bytes);
    decoder in(bytes.bytes());
    type_.decode(storage_, in, nullptr);
  }

  const detail::value_type& type_;
  void* storage_;
};

bool can_copy(const detail::value_type& type) { return type.copy != nullptr || type.encode != nullptr; }

}  // namespace

// Calls the function of the item's next step and says how that ended. Never throws.
void worker::call(active_item& item, const detail::erased_step& step, call_result& result) {
  if (result.end != call_end::completed || !result.reason.empty()) result = {};
  result.took_ns = 0;
  const std::uint16_t latest = run_.layout.latest_after(item.step);
  const detail::value_type& in_type = *run_.layout.type(latest);
  std::optional<value_copy> copy;
  try {
    if (item.values[latest] == nullptr) resume_.reload_latest(item);
    const bool can_reload = latest != 0 || in_type.encode != nullptr || run_.chain->input_is_key;
    const bool needed_again = !can_reload || run_.layout.read_from(latest, item.step + 1u);
    if (step.consumes && needed_again && can_copy(in_type)) copy.emplace(in_type, item.values[latest]);
  } catch (const error& failure) {
    const bool storage = failure.code() == errc::io || failure.code() == errc::disk_full || failure.code() == errc::stopped;
    if (storage) run_.fail(std::current_exception());
    result.end = storage ? call_end::stopped : call_end::failed_for_good;
    result.reason = failure.what();
  } catch (const std::bad_alloc&) {
    run_.fail(std::current_exception());
    result.end = call_end::stopped;
  } catch (const std::exception& failure) {
    result.end = call_end::failed_for_good;
    result.reason = failure.what();
  } catch (...) {
    result.end = call_end::failed_for_good;
    result.reason = "its input could not be copied or decoded: something that is not a std::exception was thrown";
  }
  if (result.end != call_end::completed) {
    result.ended_ns = run_.time.now_ns();
    return;
  }

  std::stop_token timed;
  if (step.timeout_s > 0) {
    timed = timer_.start(run_.time.now_ns() + static_cast<std::uint64_t>(step.timeout_s * 1e9));
    if (watch_ != nullptr) watch_->look();
  }
  step_context source(run_, item, step, step.timeout_s > 0 ? timed : run_token_, told_, loops_);
  context ctx(source);
  detail::call_frame frame{item.values, copy ? copy->get() : item.values[latest],
                           step.result != nullptr ? place_of(run_.layout, item, item.step + 1u) : nullptr, ctx, {}, tx_,
                           step.fan ? &fan_call_ : nullptr};
  const std::uint64_t began_ns = run_.time.now_ns();
  mark_.began(began_ns);
  call_function(step, frame, result);
  result.ended_ns = run_.time.now_ns();
  result.took_ns = result.ended_ns - began_ns;
  const bool timed_out = step.timeout_s > 0 && timer_.end();

  if (result.end == call_end::completed) {
    if (step.result != nullptr && !step.fan) item.values[item.step + 1u] = frame.out;
    return;
  }
  // Whatever a consuming step left of its input is not to be trusted.
  if (step.consumes && !copy) destroy_value(run_.layout, item, latest);
  if (timed_out && result.end == call_end::stopped) result.end = call_end::failed;
  if (result.end == call_end::stopped && !run_.stopping()) result.end = call_end::failed;
  if (timed_out && result.end == call_end::failed)
    result.reason = "timed out after " + std::to_string(step.timeout_s) + " s: " + result.reason;
}

void worker::call_function(const detail::erased_step& step, detail::call_frame& frame, call_result& result) {
  try {
    switch (step.call(step.self, frame)) {
      case outcome_kind::value: result.end = call_end::completed; return;
      case outcome_kind::skipped: result.end = call_end::skipped; break;
      case outcome_kind::failed: result.end = call_end::failed; break;
      case outcome_kind::failed_sticky:
        result.end = call_end::failed_for_good;
        result.sticky = true;
        break;
    }
    result.reason = std::move(frame.reason);
  } catch (...) {
    note_thrown(result);
  }
}

// The catch ladder. Called where an exception is being handled.
void worker::note_thrown(call_result& result) {
  try {
    throw;
  } catch (const skip_item& skipped) {
    result.end = call_end::skipped;
    result.reason = skipped.what();
  } catch (const sticky_failure& failure) {
    result.end = call_end::failed_for_good;
    result.sticky = true;
    result.reason = failure.what();
  } catch (const step_stopped& stopped) {
    result.end = call_end::stopped;
    result.reason = stopped.what();
  } catch (const std::exception& failure) {
    result.end = call_end::failed;
    result.reason = text_of(failure);
    result.thrown = std::current_exception();
  } catch (...) {
    result.end = call_end::failed;
    result.reason = unknown_exception();
    result.thrown = std::current_exception();
  }
}

}  // namespace pawl::core
