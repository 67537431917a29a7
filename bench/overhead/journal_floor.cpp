// The floor `journal-floor`: what it costs to append the same bytes to a file,
// with no engine, no index and no thread beside.
//
// One thread writes a record for each step, and one for each item's admission, as
// long as those in pawl's journal and of the same layout (record/checkpoint.hpp).
// They gather in a buffer; each group of `batch` steps is one pwrite and one
// fdatasync. The file was written over with zeros and synced before, as a journal
// reuses its segments; where it is full, writing goes on at its front. What is
// about to be written over is read back first, off the clock.
#include "overhead/stopwatch.hpp"
#include "overhead/work.hpp"
#include "support/plain_file.hpp"

#include "record/checkpoint.hpp"
#include "record/key.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace bench {
namespace {

using pawl::core::checkpoint;
using pawl::core::checkpoint_at;
using pawl::core::checkpoint_header;
using pawl::core::checkpoint_kind;
using pawl::core::pack;
using pawl::core::packed_size;
using pawl::core::seal_record;

constexpr std::size_t block = 4096;                            // groups begin at multiples of it
constexpr std::size_t file_size_max = std::size_t{256} << 20;  // unless a few groups are larger
constexpr std::size_t group_size_max = std::size_t{64} << 20;  // as pawl's window of bytes
constexpr std::size_t key_size = 1 + sizeof(std::uint64_t);    // a tag and the number
constexpr std::size_t value_prefix =
    sizeof(std::uint64_t) + sizeof(std::uint32_t);  // schema hash, length of the string

constexpr std::size_t up_to(std::size_t multiple, std::size_t size) noexcept {
  return (size + multiple - 1) / multiple * multiple;
}

checkpoint_header header_of(std::uint64_t item, checkpoint_kind kind, unsigned step) noexcept {
  checkpoint_header header{};
  header.kind = kind;
  header.item = item;
  header.step = static_cast<std::uint16_t>(step);
  header.attempt = 1;
  return header;
}
const std::size_t admission_size =
    up_to(8, packed_size(header_of(0, checkpoint_kind::admitted, 0), key_size) + key_size);
std::size_t step_size(std::size_t bytes) noexcept {
  return up_to(8, packed_size(header_of(0, checkpoint_kind::completed, 0), 0) + value_prefix + bytes);
}

// Records, one behind the other.
class group_buffer {
public:
  explicit group_buffer(std::size_t capacity) : bytes_(capacity) {}

  void add_admission(std::uint64_t item, std::uint64_t key) {
    std::byte* const record = bytes_.data() + used_;
    std::byte* text = pack(header_of(item, checkpoint_kind::admitted, 0), key_size, record);
    text[0] = std::byte{pawl::core::key_tag_number};
    std::memcpy(text + 1, &key, sizeof key);
    end(record, text + key_size);
  }
  void add_step(std::uint64_t item, unsigned step, const std::string& result) {
    std::byte* const record = bytes_.data() + used_;
    std::byte* payload = pack(header_of(item, checkpoint_kind::completed, step), 0, record);
    constexpr std::uint64_t schema = 1;
    const auto size = static_cast<std::uint32_t>(result.size());
    std::memcpy(payload, &schema, sizeof schema);
    std::memcpy(payload + sizeof schema, &size, sizeof size);
    if (size != 0) std::memcpy(payload + value_prefix, result.data(), size);
    end(record, payload + value_prefix + size);
    ++steps_;
  }

  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
  [[nodiscard]] std::size_t size() const noexcept { return used_; }
  // All of them, with zeros up to the end of the last block.
  [[nodiscard]] std::span<const std::byte> blocks() {
    const std::size_t end = up_to(block, used_);
    std::memset(bytes_.data() + used_, 0, end - used_);
    return std::span(bytes_).first(end);
  }
  void clear() noexcept { used_ = steps_ = 0; }

private:
  void end(std::byte* record, const std::byte* at) noexcept {
    used_ += seal_record(record, static_cast<std::size_t>(at - record));
  }

  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
  std::uint64_t steps_ = 0;
};

class journal {
public:
  explicit journal(const workload& work)
      : work_(work),
        batch_(work.batch != 0 ? work.batch : work.in_flight),
        group_(up_to(block, group_room(work, batch_))),
        file_(work.directory / "journal", file_size(work, batch_)),
        watch_(work.seconds_max) {}

  [[nodiscard]] bool in_time() const { return watch_.in_time(); }
  void admit(std::uint64_t item) { group_.add_admission(item, key_of(item, work_.keys)); }
  void complete(std::uint64_t item, unsigned step, const std::string& result) {
    group_.add_step(item, step, result);
    if (group_.steps() == batch_ || group_.size() >= group_size_max) write_group();
  }
  measurement end() {
    if (group_.size() != 0) write_group();
    measurement found;
    found.seconds = watch_.seconds();
    found.bytes_written = watch_.bytes_written();
    read_back();
    found.flushes = groups_;
    found.items = items_;
    found.hash = hash_;
    return found;
  }

private:
  // A group of so many steps, each of an item of its own, and the record that carries it over the limit.
  static std::size_t group_room(const workload& work, std::uint64_t batch) {
    const std::size_t most = admission_size + step_size(work.bytes);
    return std::min<std::size_t>(group_size_max, batch * most) + most;
  }
  // As large as the work, where that is less than the limit: what follows is then not made in vain.
  static std::size_t file_size(const workload& work, std::uint64_t batch) {
    const std::size_t room = up_to(block, group_room(work, batch));
    const double all =
        static_cast<double>(work.items) * static_cast<double>(admission_size + work.steps * step_size(work.bytes));
    const double blocks = static_cast<double>(work.items) * work.steps / static_cast<double>(batch) * block;
    return up_to(block, std::max<std::size_t>(2 * room,
                                              static_cast<std::size_t>(std::min<double>(file_size_max, all + blocks))));
  }

  void write_group() {
    const std::span<const std::byte> blocks = group_.blocks();
    if (file_.bytes().size() - end_ < blocks.size()) watch_.hold_during([this] { read_back(); });
    file_.write_at(end_, blocks);
    if (work_.durability == durability::power) file_.sync();
    end_ += blocks.size();
    ++groups_;
    group_.clear();
  }

  // Counts the items whose last step lies in the file, and goes back to its front.
  void read_back() {
    const std::byte* bytes = file_.bytes().data();
    for (std::size_t at = 0; at < end_;) {
      std::uint32_t size = 0;
      std::memcpy(&size, bytes + at, sizeof size);
      if (size == 0) {  // behind the last record of a group
        at = up_to(block, at + 1);
        continue;
      }
      const checkpoint one = checkpoint_at(bytes + at);
      if (one.header.kind == checkpoint_kind::completed && one.header.step + 1u == work_.steps) {
        const auto result = one.payload.subspan(value_prefix);
        hash_ += hash_of(key_of(one.header.item, work_.keys), {reinterpret_cast<const char*>(result.data()), result.size()});
        ++items_;
      }
      at += one.header.size;
    }
    end_ = 0;
  }

  const workload& work_;
  const std::uint64_t batch_;
  group_buffer group_;
  plain_file file_;
  std::size_t end_ = 0;
  std::uint64_t groups_ = 0;
  std::uint64_t items_ = 0;
  std::uint64_t hash_ = 0;
  stopwatch watch_;  // last: starts when the file is ready
};

}  // namespace

measurement measure_journal_floor(const workload& work) {
  journal log(work);
  for (std::uint64_t item = 0; item < work.items && log.in_time(); ++item) {
    log.admit(item);
    std::string result = first_step(key_of(item, work.keys), work.bytes);
    for (unsigned step = 0; step < work.steps; ++step) {
      if (step != 0) result = next_step(result);
      log.complete(item, step, result);
    }
  }
  return log.end();
}

}  // namespace bench
