// The one exception type that the library throws.
//
// A pawl::error's what() is a sentence that names the layer, the item and step
// where there are any, the cause, and what to do next. Programs branch on
// code(); people read what().
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace pawl {

/// What went wrong, for programs. Stable: numbers are never reused.
enum class errc : unsigned char {
  bad_argument = 1,     ///< a call that cannot be carried out as written
  state_in_use = 2,     ///< another live process has the state directory open
  not_a_state = 3,      ///< the directory exists and was not made by pawl, or is missing where it must exist
  newer_format = 4,     ///< the state was written by a newer release
  damaged = 5,          ///< stored bytes do not match their checksum or contradict each other
  disk_full = 6,        ///< no room; nothing acknowledged was lost; free some and run again
  io = 7,               ///< the kernel refused a read, write, flush, or rename
  too_large = 8,        ///< a key above 64 KiB or a result above 1 GiB
  source_failed = 9,    ///< the source of items threw
  key_failed = 10,      ///< the key projection threw, or gave an unusable key
  codec_failed = 11,    ///< a value could not be encoded or decoded
  schema_mismatch = 12, ///< stored bytes have a schema that cannot be read as the type asked for
  not_found = 14,       ///< no such workflow, step or item in the state
  stopped = 15,         ///< the engine was stopped or has failed before
  callback_failed = 16, ///< a callback of the host (progress, logger, handle) threw
  window_full = 17,     ///< as many items as the window holds are submitted and have not ended
};

/// The name of a code as it is spelled above.
[[nodiscard]] std::string_view name_of(errc code) noexcept;

/// Thrown by every call of the library that fails. Copyable; owns its text.
class error : public std::runtime_error {
public:
  error(errc code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  [[nodiscard]] errc code() const noexcept { return code_; }

private:
  errc code_;
};

}  // namespace pawl
