// The flight record: what the workers of one process are executing, as bytes in a file that they share with the kernel.
//
//       0  flight_header            then zeros to 4,096
//   4,096  flight_slot, 256 bytes each, one for each worker
//
// Little-endian. Its place is flight/NUMBER in the state directory; numbers are given once. It is made with the
// process's opening of the state and removed when that is closed, so one that is there belongs to a process at work
// or to one that died. A killed process's stores are all there; after a power cut nothing in it counts.
//
// Beside it flight/counts says what is known of items that processes died in (flight/crash_counts.hpp).
#pragma once

#include "file/boot.hpp"
#include "record/checkpoint.hpp"
#include "record/hash.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace pawl::core {

inline constexpr std::uint64_t flight_magic = 0x3174686c466c7750;  // "PwlFlht1"
inline constexpr std::size_t flight_slots_at = 4096;
inline constexpr std::size_t flight_slots_max = 4096;
inline constexpr std::size_t flight_key_size = 128;  // of a typed key, for whoever looks

// How the kernel's counters of out-of-memory kills stood (flight/out_of_memory.hpp).
struct oom_counters {
  std::uint64_t group = 0;       // which memory control group this process is in: its inode; 0: none that tells
  std::uint64_t in_group = 0;    // kills in it and below
  std::uint64_t in_machine = 0;  // kills since the boot
};

enum class fatal_cause : std::uint32_t {
  none = 0,
  fault = 1,   // a signal that this very thread brought about
  sent = 2,    // a signal from elsewhere
  exited = 3,  // exit() was called
};

// Written by the handler of a fatal signal.
// The code of a note that says: the handler of `signal`, which came from elsewhere, called exit().
constexpr std::int32_t exit_in_handler = 1;

struct fatal_note {
  std::uint64_t call;     // the call of the slot that it belongs to
  fatal_cause cause;
  std::uint32_t signal;
  std::int32_t code;      // si_code
  std::uint32_t sender;   // a pid, where it was sent
  std::uint64_t address;  // of a fault
};

struct flight_header {
  std::uint64_t magic;
  std::uint32_t slots;
  std::uint32_t handles;      // 1: fatal signals are noted
  hash_key uuid;              // of the state
  boot_id boot;
  std::uint64_t number;       // as in its name
  std::uint64_t pid;
  std::uint64_t opened_us;    // Unix epoch
  oom_counters oom;           // at the opening
  std::uint32_t crc;          // CRC32C of all before
  std::uint32_t reserved;
  fatal_note death;           // what no call of a worker is known to have brought about
};
static_assert(std::is_trivially_copyable_v<flight_header> && sizeof(flight_header) == 136 &&
              offsetof(flight_header, crc) == 96);

struct alignas(64) flight_slot {
  // Stored at each call, by the worker alone.
  std::uint64_t call;         // odd: one is under way. What follows changes only while it is even
  item_id item;
  std::uint64_t began_ns;     // by the monotonic clock
  std::uint32_t generation;
  std::uint32_t attempt;      // counts from 1
  std::uint16_t step;
  std::uint16_t reserved;
  std::uint32_t entries;      // items that the call takes; `item` is the first of them
  // Stored when a worker takes the slot.
  std::uint32_t worker;       // its number in its run
  std::uint32_t thread;       // the kernel's number of its thread; 0: the slot is free
  workflow_id workflow;
  revision_id revision;
  std::uint32_t reserved_too;
  // Stored at a fatal signal.
  fatal_note fatal;
  std::uint64_t key_digest;   // of the item's typed key; 0: unknown
  std::uint32_t key_size;     // of what follows
  std::uint32_t reserved_last;
  std::byte key[flight_key_size];
};
static_assert(std::is_trivially_copyable_v<flight_slot> && sizeof(flight_slot) == 256);

}  // namespace pawl::core
