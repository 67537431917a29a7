#include "support/memory_files.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace pawl::test {
namespace {

constexpr std::size_t sector_size = 512;
constexpr std::size_t room_for_growth = std::size_t{1} << 18;  // of address space: mapped bytes must stay in place

}  // namespace

struct memory_file_data {
  std::vector<std::byte> now;
  std::vector<std::byte> synced;
  bool mapped = false;
};

class memory_file final : public core::file {
public:
  memory_file(memory_files& owner, std::filesystem::path path, std::shared_ptr<memory_file_data> data)
      : owner_(owner), path_(std::move(path)), data_(std::move(data)) {}

  std::uint64_t size() override {
    const std::scoped_lock lock(owner_.mutex_);
    return data_->now.size();
  }
  void write(std::uint64_t offset, std::span<const std::byte> bytes) override { write_pieces(offset, {&bytes, 1}); }
  void write_pieces(std::uint64_t offset, std::span<const std::span<const std::byte>> pieces) override {
    owner_.announce(memory_files::operation::write, path_);
    const std::scoped_lock lock(owner_.mutex_);
    for (const auto piece : pieces) {
      if (data_->now.size() < offset + piece.size()) {
        if (data_->mapped && data_->now.capacity() < offset + piece.size()) std::abort();
        data_->now.resize(offset + piece.size());
      }
      if (!piece.empty()) std::memcpy(data_->now.data() + offset, piece.data(), piece.size());
      offset += piece.size();
    }
  }
  void read(std::uint64_t offset, std::span<std::byte> into) override {
    const std::scoped_lock lock(owner_.mutex_);
    if (offset > data_->now.size() || into.size() > data_->now.size() - offset)
      throw error(errc::damaged, "file: " + path_.string() + " ends too early");
    if (!into.empty()) std::memcpy(into.data(), data_->now.data() + offset, into.size());
  }
  void sync() override {
    owner_.announce(memory_files::operation::sync, path_);
    const std::scoped_lock lock(owner_.mutex_);
    if (!owner_.sync_lies) data_->synced = data_->now;
  }
  std::span<std::byte> map(std::uint64_t size) override {
    const std::scoped_lock lock(owner_.mutex_);
    if (!owner_.can_map || size > data_->now.size()) return {};
    if (!std::exchange(data_->mapped, true)) data_->now.reserve(std::max(data_->now.size(), room_for_growth));
    return {data_->now.data(), static_cast<std::size_t>(size)};
  }

private:
  memory_files& owner_;
  std::filesystem::path path_;
  std::shared_ptr<memory_file_data> data_;
};

memory_files::memory_files() = default;
memory_files::~memory_files() = default;

void memory_files::announce(operation what, const std::filesystem::path& path) {
  {
    const std::scoped_lock lock(mutex_);
    ++operations_;
    if (crash_at_ != 0 && operations_ >= crash_at_) throw simulated_crash();
  }
  if (before) before(what, path);
}

void memory_files::crash_at(std::uint64_t operation_number) {
  const std::scoped_lock lock(mutex_);
  operations_ = 0;
  crash_at_ = operation_number;
}

std::uint64_t memory_files::operations() const {
  const std::scoped_lock lock(mutex_);
  return operations_;
}

std::unique_ptr<core::file> memory_files::create(const std::filesystem::path& path) {
  announce(operation::create, path);
  const std::scoped_lock lock(mutex_);
  if (now_.count(path) != 0) core::throw_file_error(EEXIST, "create", path);
  auto data = std::make_shared<memory_file_data>();
  now_[path] = data;
  return std::make_unique<memory_file>(*this, path, std::move(data));
}

std::unique_ptr<core::file> memory_files::open_existing(const std::filesystem::path& path) {
  const std::scoped_lock lock(mutex_);
  const auto at = now_.find(path);
  if (at == now_.end()) core::throw_file_error(ENOENT, "open", path);
  return std::make_unique<memory_file>(*this, path, at->second);
}
std::unique_ptr<core::file> memory_files::open(const std::filesystem::path& path) { return open_existing(path); }
std::unique_ptr<core::file> memory_files::open_to_write(const std::filesystem::path& path) { return open_existing(path); }

void memory_files::make_directory(const std::filesystem::path&) {}  // directories are there, as far as files lie in them

void memory_files::sync_directory(const std::filesystem::path& path) {
  announce(operation::sync_directory, path);
  const std::scoped_lock lock(mutex_);
  if (sync_directory_lies) return;
  std::erase_if(synced_, [&](const auto& one) { return one.first.parent_path() == path && now_.count(one.first) == 0; });
  for (const auto& [name, data] : now_)
    if (name.parent_path() == path) synced_[name] = data;
}

void memory_files::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  announce(operation::rename, to);
  const std::scoped_lock lock(mutex_);
  const auto at = now_.find(from);
  if (at == now_.end()) core::throw_file_error(ENOENT, "rename", from);
  now_[to] = at->second;
  now_.erase(from);
}

void memory_files::remove(const std::filesystem::path& path) {
  announce(operation::remove, path);
  const std::scoped_lock lock(mutex_);
  now_.erase(path);
}

std::vector<std::string> memory_files::list(const std::filesystem::path& path) {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> found;
  for (const auto& [name, data] : now_)
    if (name.parent_path() == path) found.push_back(name.filename().string());
  return found;
}

std::unique_ptr<memory_files> memory_files::after_kill() const {
  const std::scoped_lock lock(mutex_);
  auto left = std::make_unique<memory_files>();
  std::map<const memory_file_data*, std::shared_ptr<memory_file_data>> copies;
  const auto copy = [&](const names& from, names& into) {
    for (const auto& [name, data] : from) {
      auto& one = copies[data.get()];
      if (!one) {
        one = std::make_shared<memory_file_data>();
        one->now = data->now;
        one->synced = data->synced;
      }
      into[name] = one;
    }
  };
  copy(now_, left->now_);
  copy(synced_, left->synced_);
  left->can_map = can_map;
  return left;
}

std::unique_ptr<memory_files> memory_files::after_power_cut(std::mt19937_64& random) const {
  const std::scoped_lock lock(mutex_);
  auto left = std::make_unique<memory_files>();
  left->can_map = can_map;
  // Of what was not synced everything, nothing, or some.
  const auto luck = random() % 4;
  const auto survives = [&] { return luck == 0 ? false : luck == 1 ? true : random() % 2 == 0; };
  std::map<const memory_file_data*, std::shared_ptr<memory_file_data>> files;
  const auto survivor = [&](const std::shared_ptr<memory_file_data>& data) {
    auto& one = files[data.get()];
    if (one) return one;
    one = std::make_shared<memory_file_data>();
    one->now = data->synced;
    const std::size_t size = survives() ? data->now.size() : data->synced.size();
    one->now.resize(size);
    for (std::size_t at = 0; at < std::min(size, data->now.size()); at += sector_size) {
      const std::size_t end = std::min({at + sector_size, size, data->now.size()});
      if (!std::equal(data->now.begin() + static_cast<std::ptrdiff_t>(at), data->now.begin() + static_cast<std::ptrdiff_t>(end),
                      one->now.begin() + static_cast<std::ptrdiff_t>(at)) &&
          survives())
        std::copy(data->now.begin() + static_cast<std::ptrdiff_t>(at), data->now.begin() + static_cast<std::ptrdiff_t>(end),
                  one->now.begin() + static_cast<std::ptrdiff_t>(at));
    }
    one->synced = one->now;
    return one;
  };
  names all = synced_;
  for (const auto& one : now_) all.insert(one);
  for (const auto& [name, ignored] : all) {
    const auto was = synced_.find(name);
    const auto is = now_.find(name);
    const bool changed = (was == synced_.end()) != (is == now_.end()) ||
                         (was != synced_.end() && is != now_.end() && was->second != is->second);
    const bool takes_new = !changed || survives();
    if (takes_new && is != now_.end()) left->now_[name] = survivor(is->second);
    if (!takes_new && was != synced_.end()) left->now_[name] = survivor(was->second);
  }
  left->synced_ = left->now_;
  return left;
}

std::vector<std::byte>& memory_files::bytes_of(const std::filesystem::path& path) { return now_.at(path)->now; }

std::vector<std::filesystem::path> memory_files::all_files() const {
  std::vector<std::filesystem::path> all;
  for (const auto& one : now_) all.push_back(one.first);
  return all;
}

}  // namespace pawl::test
