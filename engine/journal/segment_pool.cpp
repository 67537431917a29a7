#include "journal/segment_pool.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

namespace pawl::core {

void segment_pool::set_free(std::shared_ptr<segment> old) {
  const bool fits = old->size >= options_.segment_size_first && old->size <= options_.segment_size_max;
  if (fits && size_ <= options_.size_max) {
    free_.push_back(std::move(old));
    return;
  }
  size_ -= old->size;
  files_.remove(directory_ / std::to_string(old->slot));
}

std::shared_ptr<segment> segment_pool::take(std::uint64_t size) {
  const auto found = std::find_if(free_.begin(), free_.end(), [&](const auto& one) { return one->size >= size; });
  if (found == free_.end()) return nullptr;
  auto taken = std::move(*found);
  free_.erase(found);
  return taken;
}

std::uint64_t segment_pool::next_size() const noexcept {
  const std::uint64_t doubled = std::max(options_.segment_size_first, size_ / journal_block_size * journal_block_size);
  return std::min({doubled, options_.segment_size_max,
                   std::max(options_.segment_size_first, options_.size_max - std::min(size_, options_.size_max))});
}

void segment_pool::make(std::unique_lock<std::mutex>& lock, std::uint64_t size) {
  making_ = true;
  const std::uint64_t slot = new_slot();
  lock.unlock();
  std::shared_ptr<segment> made;
  std::exception_ptr failure;
  try {
    made = make_file(slot, size);
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  making_ = false;
  in_vain_ = failure != nullptr;
  if (failure) std::rethrow_exception(failure);
  size_ += size;
  free_.push_back(std::move(made));
}

std::shared_ptr<segment> segment_pool::make_file(std::uint64_t slot, std::uint64_t size) {
  const auto unfinished = directory_ / ("new-" + std::to_string(slot));
  auto made = std::make_shared<segment>();
  made->slot = slot;
  made->size = size;
  made->bytes = files_.create(unfinished);
  try {
    for (std::uint64_t offset = 0; offset < size; offset += zeros().size())
      made->bytes->write(offset, zeros().first(std::min<std::uint64_t>(zeros().size(), size - offset)));
    made->bytes->sync();
    files_.rename(unfinished, directory_ / std::to_string(slot));
  } catch (...) {
    try {
      files_.remove(unfinished);
    } catch (const error&) {  // the first failure is the one to tell; the next opening removes the file
    }
    throw;
  }
  files_.sync_directory(directory_);
  return made;
}

}  // namespace pawl::core
