// What a process died of, and what follows for the items that it was executing (durability rule 26).
//
//   a signal that the thread of a call brought about, or exit() in it    counts against that call's item
//   a kill for want of memory, or a fault on a thread that is in no call everything that was executing is suspected,
//                                                                        and what was executing alone and was suspected
//                                                                        already is counted
//   anything else: SIGKILL, a signal from outside, power                 nothing
//
// So a kill from outside never costs anybody anything. What is suspected is called alone (flight/recorder.hpp).
#pragma once

#include "flight/crash_counts.hpp"
#include "flight/record.hpp"
#include "store/backend.hpp"

#include <string>
#include <vector>

namespace pawl::core {

enum class finding : std::uint8_t {
  nothing,    // it only was there
  suspected,
  counted,
};

// A call that was under way.
struct interrupted_call {
  flight_slot slot;
  finding found = finding::nothing;
};

struct inquest {
  std::string cause;                   // a few words
  std::vector<interrupted_call> calls;
};

// `now`: the kernel's counters; `boot`: this one. `suspected`: whether the item of a call, or the step for several, is.
[[nodiscard]] inquest hold_inquest(const flight_record& record, const oom_counters& now, const boot_id& boot,
                                   const std::function<bool(const flight_slot&)>& suspected);

// The same with what the state knows: `counts` gets what follows, not on the disk yet; true where that is anything. A record
// that was taken in before changes nothing. `told` gets a line for the log about each call.
[[nodiscard]] bool take_in(const flight_record& record, const oom_counters& now, const boot_id& boot, backend& store,
                           crash_counts& counts, std::vector<std::string>& told);

}  // namespace pawl::core
