// The journal: the write-ahead log in front of LMDB.
//
// Checkpoint records go in as groups, become frames of the newest segment, and
// are acknowledged by a watermark: `recorded`. In `power` durability that is what
// a flush has covered; in `process` what the kernel has. Whoever applies them
// reads them back in batches and gives their segments free, to be written over.
//
// Knows nothing of LMDB, nor what the records say. Which rule of durability is
// kept where: engine/README.md.
#pragma once

#include "journal/control.hpp"
#include "journal/options.hpp"
#include "journal/reading.hpp"
#include "journal/recovery.hpp"
#include "journal/segment_pool.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace pawl::core {

class journal {
public:
  // An empty journal, on the disk when this returns. The directory must not exist.
  static void make(file_system& files, const std::filesystem::path& directory, const state_uuid& uuid);
  // The same for a directory that is there and empty.
  static void complete(file_system& files, const std::filesystem::path& directory, const state_uuid& uuid);
  // False where there is none, or none that was made to its end.
  [[nodiscard]] static bool is_there(file_system& files, const std::filesystem::path& directory);

  // Goes on with what was found, in a new epoch. When this returns, all of it is on the disk: what was not certain to be
  // is written again (rule 4).
  journal(file_system& files, std::filesystem::path directory, const state_uuid& uuid, std::uint64_t epoch,
          found_log found, const journal_options& options);
  ~journal();
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;

  // ---- whoever commits; one at a time ----

  // Appends whole records, each group's in order. When it returns they are recorded. Waits for room while the journal is
  // full. Throws pawl::error: disk_full where nothing can be had any more, io, stopped; after any, nothing more is
  // taken.
  void append(std::span<const std::span<const std::byte>> groups);

  // ---- any thread ----

  // Everything appended before the call is on the disk when it returns. Throws as above.
  void flush();
  [[nodiscard]] lsn recorded() const noexcept { return recorded_.load(std::memory_order_acquire); }
  [[nodiscard]] lsn durable() const noexcept { return durable_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t flushes() const noexcept { return flushes_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  [[nodiscard]] const journal_options& options() const noexcept { return options_; }

  // ---- whoever applies ----

  // The frames that follow what was read before, about `bytes_max` of them, only such as are on the disk for certain.
  // False where there are none. Throws pawl::error(damaged) where they are not what was written.
  [[nodiscard]] bool read(log_batch& into, std::uint64_t bytes_max);
  // What lies in front of this is applied and will not be asked for again, whatever crashes.
  void release(lsn applied);
  struct need {
    bool room = false;     // there is no segment to go on with: appending waits for release(), or will soon
    bool segment = false;  // a segment should be made ahead of need
    std::uint64_t bytes_written = 0;  // to segments, ever: grows by whole blocks
  };
  [[nodiscard]] need needs() const;
  // Makes that segment. That none can be had is for appending to meet.
  void prepare_segment();
  // Appending gives up waiting for room: nobody applies any more.
  void give_up_room(std::exception_ptr why) noexcept;
  // Is called, on the thread that appends, whenever that begins to wait for room: needs().room then says so. Before the
  // first append.
  void on_starving(std::function<void()> tell) { tell_starving_ = std::move(tell); }

private:
  void adopt(found_log& found);
  void rescue(lsn durable);
  [[nodiscard]] std::uint64_t copy_frames(live_segment& from, lsn durable, segment& into, std::uint64_t offset);
  void append_frame(std::unique_lock<std::mutex>& lock, std::span<const std::span<const std::byte>>& groups);
  [[nodiscard]] frame_header header_of(const segment& in, lsn first, std::uint64_t size, std::uint32_t payload_crc) const;
  [[nodiscard]] frame_header next_header(std::uint64_t size, std::uint32_t payload_crc);
  void write_frame(std::span<const std::span<const std::byte>> payload, std::uint64_t size);
  [[nodiscard]] std::span<const std::byte> copy_to_image(std::span<const std::span<const std::byte>> payload,
                                                         std::uint64_t size) noexcept;
  void write_blocks(const frame_header& header, std::span<const std::span<const std::byte>> payload, std::uint64_t used);
  [[nodiscard]] bool is_mapped(std::uint64_t size) const noexcept {
    return !mapped_.empty() && sizeof(frame_header) + size <= options_.mapped_append_max;
  }
  void store_frame(std::span<std::byte> into, const frame_header& header,
                   std::span<const std::span<const std::byte>> payload) const noexcept;
  void start_segment(std::unique_lock<std::mutex>& lock, std::uint64_t frame_size);
  [[nodiscard]] std::shared_ptr<segment> find_room(std::unique_lock<std::mutex>& lock, std::uint64_t size);
  void make_segment(std::unique_lock<std::mutex>& lock, std::uint64_t size);
  [[nodiscard]] segment_header new_header(lsn first);
  void wait_for_room(std::unique_lock<std::mutex>& lock);
  void tell_room() noexcept;
  void fail() noexcept;
  void check_usable() const;

  file_system& files_;
  const std::filesystem::path directory_;
  const journal_salt salt_;
  const std::uint64_t epoch_;
  const journal_options options_;
  std::unique_ptr<control_file> control_;

  std::mutex flushing_;                  // taken before mutex_
  std::vector<std::shared_ptr<segment>> to_flush_;

  mutable std::mutex mutex_;             // everything down to pieces_
  std::condition_variable room_;
  std::uint64_t room_changes_ = 0;       // something was given free, or made, or given up
  std::deque<live_segment> live_;        // the last one is written to, if `open_`. Only release() takes from its front
  bool open_ = false;
  std::uint32_t link_ = 0;               // crc of the header written last
  std::span<std::byte> mapped_;          // the last one, where frames are stored into memory
  segment_pool pool_;
  image_pool images_;
  bool starving_ = false;                // append waits for room
  std::uint64_t bytes_written_ = 0;
  std::uint64_t newest_number_ = 0;
  lsn written_ = 0;
  std::exception_ptr no_room_;
  std::string failure_;                  // what the first failure said
  std::function<void()> tell_starving_;
  std::vector<std::span<const std::byte>> pieces_;

  std::atomic<lsn> recorded_{0};
  std::atomic<lsn> durable_{0};
  std::atomic<std::uint64_t> flushes_{0};
  std::atomic<bool> failed_{false};
};

}  // namespace pawl::core
