#include "journal/control.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

namespace pawl::core {
namespace {

constexpr const char* file_name = "control";

void store(lsn& place, lsn value) noexcept { std::atomic_ref<lsn>(place).store(value, std::memory_order_release); }

}  // namespace

bool has_control(file_system& files, const std::filesystem::path& directory) {
  const auto names = files.list(directory);
  return std::find(names.begin(), names.end(), file_name) != names.end();
}

log_witness read_control(file_system& files, const std::filesystem::path& directory, const journal_salt& salt) {
  if (!has_control(files, directory)) return {};
  const auto bytes = files.open(directory / file_name);
  if (bytes->size() < sizeof(control_page)) return {};
  control_page page;
  bytes->read(0, std::as_writable_bytes(std::span{&page, 1}));
  if (page.magic != control_magic || page.crc != salt.begin() || page.uuid != salt.uuid()) return {};
  const lsn durable = std::min(page.durable, page.durable_again);
  return {durable, page.written, page.boot != state_uuid{} && page.boot == this_boot()};
}

control_file::control_file(file_system& files, const std::filesystem::path& directory, const journal_salt& salt,
                           lsn now) {
  const auto path = directory / file_name;
  const bool is_there = has_control(files, directory);
  bytes_ = is_there ? files.open_to_write(path) : files.create(path);
  // Written as a file first, so that there is room for it on the disk before it is mapped.
  std::vector<std::byte> block(journal_block_size);
  const control_page page{control_magic, salt.begin(), salt.uuid(), this_boot(), now, now, now};
  std::memcpy(block.data(), &page, sizeof page);
  bytes_->write(0, block);
  bytes_->sync();
  if (!is_there) files.sync_directory(directory);
  const auto mapped = bytes_->map(journal_block_size);
  if (!mapped.empty()) page_ = reinterpret_cast<control_page*>(mapped.data());
}

void control_file::set_durable(lsn value) noexcept {
  if (page_ == nullptr) return;
  store(page_->durable, value);
  store(page_->durable_again, value);
}

void control_file::set_written(lsn value) noexcept {
  if (page_ != nullptr) store(page_->written, value);
}

}  // namespace pawl::core
