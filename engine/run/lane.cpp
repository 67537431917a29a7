#include "run/lane.hpp"

#include "run/item.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>

namespace pawl::core {
namespace {

constexpr std::size_t chunk_size = std::size_t{2} << 20;
constexpr std::size_t free_chunks_kept = 16;
constexpr std::size_t free_bytes_kept = std::size_t{32} << 20;
// A value of 1 GiB and what a codec writes around it: lengths, the schema hash.
constexpr std::size_t spill_limit = max_payload_size + 4096;

constexpr std::size_t padded(std::size_t size) noexcept { return (size + 7) / 8 * 8; }

}  // namespace

lane::lane(std::size_t window, std::size_t large_threshold)
    : large_threshold_(large_threshold),
      own_chunk_size_(padded(payload_limit() + max_key_size + 4096)),
      tail_(nullptr),
      writer_(*this),
      window_(window),
      waiters_(std::make_unique_for_overwrite<waiter[]>(window)),
      head_(nullptr) {
  free_.reserve(free_chunks_kept);
  tail_ = head_ = new chunk(chunk_size);
}

lane::~lane() {
  while (head_ != nullptr) {
    chunk* next = head_->next.load(std::memory_order_relaxed);
    delete head_;
    head_ = next;
  }
}

void lane::begin(const checkpoint_header& header, std::string_view text) {
  record_at_ = tail_->published.load(std::memory_order_relaxed);
  const std::size_t needed = packed_size(header, text.size()) + text.size() + sizeof(std::uint64_t) + 8;
  if (tail_->capacity - record_at_ < needed) {
    payload_at_ = record_at_;
    writer_.place(tail_->bytes + record_at_, nullptr);
    move_record_to_fresh_chunk(0);
  }
  std::byte* at = pack(header, text.size(), tail_->bytes + record_at_);
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  payload_at_ = static_cast<std::size_t>(at - tail_->bytes) + text.size();
  writer_.spilled = false;
  place_writer(payload_at_);
}

void lane::mark_large() noexcept {
  std::byte& flags = tail_->bytes[record_at_ + offsetof(packed_header, flags_and_more)];
  flags |= std::byte{checkpoint_flag::large};
}

std::span<const std::byte> lane::payload_bytes() const noexcept {
  if (writer_.spilled) return {spill_.data(), static_cast<std::size_t>(writer_.cursor() - spill_.data())};
  const std::byte* from = tail_->bytes + payload_at_;
  return {from, static_cast<std::size_t>(writer_.cursor() - from)};
}

void lane::replace_payload(std::span<const std::byte> bytes) {
  writer_.spilled = false;
  writer_.place(tail_->bytes + payload_at_, tail_->bytes + tail_->capacity - 8);
  writer_.write(bytes.data(), bytes.size());
  std::vector<std::byte>{}.swap(spill_);  // a rare and large buffer: not kept
}

void lane::cancel() noexcept { writer_.spilled = false; }

void lane::finish(active_item* waiting, bool fresh) {
  std::byte* const record = tail_->bytes + record_at_;
  const std::uint32_t size = seal_record(record, static_cast<std::size_t>(writer_.cursor() - record));
  for (std::size_t line = 0; line < 4; ++line) __builtin_prefetch(record + size + 256 + 64 * line, 1);
  written_ += size;
  if (waiting != nullptr) {
    waiters_[waiter_at_] = {written_ | (fresh ? 1u : 0u), waiting};
    if (++waiter_at_ == window_) waiter_at_ = 0;
    waiters_pushed_.store(waiters_pushed_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  tail_->published.store(record_at_ + size, std::memory_order_release);
  published_.store(written_, std::memory_order_release);
}

void lane::writer::make_room(std::size_t size) {
  const std::size_t so_far = owner.payload_bytes().size();
  if (size > spill_limit || so_far > spill_limit - size)
    throw error(errc::too_large,
                "codec: a value encodes to more than 1 GiB, the largest that pawl stores; keep it in a file of your own "
                "and let the step return its name");
  if (spilled || so_far + size > owner.payload_limit()) owner.spill(size);
  else owner.move_record_to_fresh_chunk(so_far + size);
}

// The writer goes on at `at` in the current chunk, up to its end (whose last 8 bytes are kept free for a record's
// padding) or to where the value becomes a large one, whichever comes first.
void lane::place_writer(std::size_t at) noexcept {
  const std::size_t end = std::min(tail_->capacity - 8, payload_at_ + payload_limit());
  writer_.place(tail_->bytes + at, tail_->bytes + end);
}

// The open record does not fit into what is left of the chunk: what is written of it moves on. If a chunk like the others
// does not hold its payload, into one that holds the longest there is.
void lane::move_record_to_fresh_chunk(std::size_t payload_size) {
  const std::size_t size = (payload_at_ - record_at_) + payload_size + 8;
  chunk* next = fresh_chunk(size <= chunk_size ? chunk_size : own_chunk_size_);
  const auto used = static_cast<std::size_t>(writer_.cursor() - (tail_->bytes + record_at_));
  std::memcpy(next->bytes, tail_->bytes + record_at_, used);
  tail_->next.store(next, std::memory_order_release);
  tail_ = next;
  payload_at_ -= record_at_;
  record_at_ = 0;
  place_writer(used);
}

// The value is a large one: what is written of it moves to a buffer of its own.
void lane::spill(std::size_t more) {
  const std::size_t so_far = payload_bytes().size();
  const std::size_t wanted = std::min(std::max(so_far + more, so_far * 2), spill_limit);
  if (writer_.spilled) {
    spill_.resize(std::max(wanted, so_far + more));
  } else {
    const std::span<const std::byte> bytes = payload_bytes();
    spill_.resize(std::max(wanted, so_far + more));
    std::memcpy(spill_.data(), bytes.data(), bytes.size());
    writer_.spilled = true;
  }
  writer_.place(spill_.data() + so_far, spill_.data() + spill_.size());
}

lane::chunk* lane::fresh_chunk(std::size_t size) {
  const std::scoped_lock lock(free_mutex_);
  const auto fitting = std::find_if(free_.rbegin(), free_.rend(), [&](const auto& one) { return one->capacity == size; });
  if (fitting == free_.rend()) return new chunk(size);
  chunk* reused = fitting->release();
  free_.erase(std::next(fitting).base());
  free_bytes_ -= size;
  reused->gathered = 0;
  reused->published.store(0, std::memory_order_relaxed);
  reused->next.store(nullptr, std::memory_order_relaxed);
  return reused;
}

void lane::recycle(chunk* old) noexcept {
  const std::scoped_lock lock(free_mutex_);
  std::unique_ptr<chunk> owned(old);
  if (free_.size() == free_chunks_kept || free_bytes_ + old->capacity > free_bytes_kept) return;
  free_bytes_ += old->capacity;
  free_.push_back(std::move(owned));
}

lane_position lane::gather(std::vector<std::span<const std::byte>>& groups) {
  lane_position position = gathered_.load(std::memory_order_relaxed);
  for (chunk* at = head_;;) {
    // `next` first: once it is set, nothing more is published in this chunk.
    chunk* next = at->next.load(std::memory_order_acquire);
    const std::size_t published = at->published.load(std::memory_order_acquire);
    if (published != at->gathered) {
      groups.emplace_back(at->bytes + at->gathered, published - at->gathered);
      position += published - at->gathered;
      at->gathered = published;
    }
    if (next == nullptr) break;
    at = next;
  }
  gathered_.store(position, std::memory_order_relaxed);
  return position;
}

void lane::acknowledge(lane_position position, acknowledged_items& items) {
  acknowledged_.store(position, std::memory_order_release);
  for (;;) {
    chunk* next = head_->next.load(std::memory_order_acquire);
    if (next == nullptr || head_->gathered != head_->published.load(std::memory_order_acquire)) break;
    chunk* old = head_;
    head_ = next;
    recycle(old);
  }
  const std::uint64_t pushed = waiters_pushed_.load(std::memory_order_acquire);
  for (; waiters_popped_ != pushed; ++waiters_popped_) {
    const waiter& oldest = waiters_[waiter_oldest_];
    if (oldest.position_and_fresh > (position | 1)) break;
    ((oldest.position_and_fresh & 1) != 0 ? items.fresh : items.again).push_back(oldest.item);
    if (++waiter_oldest_ == window_) waiter_oldest_ = 0;
  }
}

}  // namespace pawl::core
