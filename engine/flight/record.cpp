#include "flight/record.hpp"

#include "file/file_system.hpp"
#include "store/crc32c.hpp"

#include <pawl/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <span>

namespace pawl::core {
namespace {

std::uint32_t checksum(const flight_header& header) noexcept {
  return crc32c(std::as_bytes(std::span{&header, 1}).first(offsetof(flight_header, crc)));
}

std::string hex(std::uint64_t number) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  return "0x" + std::string(digits.data(), end);
}

std::string signal_name(std::uint32_t signal) {
  switch (static_cast<int>(signal)) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    case SIGTRAP: return "SIGTRAP";
    case SIGSYS: return "SIGSYS";
    case SIGABRT: return "SIGABRT";
    default: return "signal " + std::to_string(signal);
  }
}

// All of the file, as it is at this moment. Small: the number of slots is bounded.
bool read_all(int fd, const std::filesystem::path& path, std::vector<std::byte>& into) {
  std::size_t at = 0;
  while (at < into.size()) {
    const ssize_t done = ::pread(fd, into.data() + at, into.size() - at, static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw_file_error(errno, "read", path);
    if (done == 0) return false;
    at += static_cast<std::size_t>(done);
  }
  return true;
}

flight_slot slot_in(const std::vector<std::byte>& bytes, std::size_t slot) {
  flight_slot found;
  std::memcpy(&found, bytes.data() + flight_slots_at + slot * sizeof(flight_slot), sizeof found);
  found.key_size = std::min<std::uint32_t>(found.key_size, flight_key_size);
  return found;
}

bool is_right(const flight_header& header, std::uint64_t number, std::uint64_t size) noexcept {
  return header.magic == flight_magic && header.crc == checksum(header) && header.number == number &&
         header.slots <= flight_slots_max && size == flight_slots_at + header.slots * sizeof(flight_slot);
}

}  // namespace

std::filesystem::path flight_path(const std::filesystem::path& directory, std::uint64_t number) {
  return directory / std::to_string(number);
}

std::vector<std::uint64_t> flight_numbers(const std::filesystem::path& directory) {
  std::vector<std::uint64_t> numbers;
  std::error_code failed;
  if (!std::filesystem::is_directory(std::filesystem::symlink_status(directory, failed))) return numbers;
  for (const std::string& name : machine_files().list(directory)) {
    std::uint64_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number != 0 && std::to_string(number) == name) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::optional<flight_record> read_flight(const std::filesystem::path& directory, std::uint64_t number,
                                         const hash_key& uuid, std::string& problem) {
  const std::filesystem::path path = flight_path(directory, number);
  const descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  const auto refuse = [&](const std::string& why) {
    problem = "flight: " + path.string() + " " + why;
    return std::nullopt;
  };
  if (!fd && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO)) throw_file_error(errno, "open", path);
  if (!fd) return errno == ENOENT ? std::nullopt : refuse("cannot be opened: " + std::string(std::strerror(errno)));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return refuse("is not a plain file");
  constexpr std::uint64_t size_max = flight_slots_at + flight_slots_max * sizeof(flight_slot);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size == 0) return std::nullopt;  // its process died making it
  if (size < flight_slots_at || size > size_max) return refuse("has not the size of a flight record");
  // Three times: a call is whole where it was under way before and after what is taken of it was read.
  std::vector<std::byte> first(size), bytes(size), last(size);
  if (!read_all(fd.get(), path, first) || !read_all(fd.get(), path, bytes) || !read_all(fd.get(), path, last))
    return refuse("is cut off");
  flight_record found;
  std::memcpy(&found.header, bytes.data(), sizeof found.header);
  if (!is_right(found.header, number, size)) return refuse("is no flight record, or was not made to its end");
  if (found.header.uuid != uuid) return refuse("is of another state");
  for (std::size_t i = 0; i < found.header.slots; ++i) {
    flight_slot slot = slot_in(bytes, i);
    const std::uint64_t call = slot_in(first, i).call;
    const bool is_whole = (call & 1) != 0 && call == slot_in(last, i).call;
    slot.call = is_whole ? call : 0;
    if (is_whole) found.calls.push_back(slot);
    if (is_whole || slot.thread != 0) found.workers.push_back(slot);
  }
  return found;
}

void seal(flight_header& header) noexcept { header.crc = checksum(header); }

std::string text_of(const fatal_note& what) {
  if (what.cause == fatal_cause::none) return "an unknown cause";
  if (what.cause == fatal_cause::exited) return "a call of exit()";
  const std::string name = signal_name(what.signal);
  if (what.cause == fatal_cause::sent && what.code == exit_in_handler) return "a call of exit() in a handler of " + name;
  if (what.cause == fatal_cause::sent) return name + " sent by process " + std::to_string(what.sender);
  const bool has_address = what.code > 0 && (what.signal == SIGSEGV || what.signal == SIGBUS ||
                                             what.signal == SIGFPE || what.signal == SIGILL);
  return has_address ? name + " at address " + hex(what.address) : name;
}

}  // namespace pawl::core
