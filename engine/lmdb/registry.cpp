#include "lmdb/registry.hpp"

#include "file/file_system.hpp"
#include "file/fork.hpp"

#include <pawl/error.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <compare>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>

namespace pawl::core {
namespace {

struct identity {
  std::uint64_t process;  // what a parent had open is not open in its child
  dev_t device;
  ino_t inode;
  friend auto operator<=>(const identity&, const identity&) = default;
};

// An entry stays until its environment is closed: one that has no users any more is being closed.
struct registry {
  std::mutex mutex;
  std::condition_variable closed;
  std::map<identity, std::weak_ptr<environment>> open;
};

// Never destroyed: environments may be closed by the destructors of other global objects.
registry& the_registry() {
  static auto* const the_one = new registry;
  return *the_one;
}

identity identity_of(const std::filesystem::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) throw_file_error(errno, "look at", directory);
  return {process_generation(), status.st_dev, status.st_ino};
}

struct closing {
  identity which{};
  void operator()(environment* old) const {
    registry& all = the_registry();
    {
      const std::scoped_lock lock(all.mutex);
      delete old;
      all.open.erase(which);
    }
    all.closed.notify_all();
  }
};

// What this process has open of it. Waits, without the lock, while it is being closed.
std::shared_ptr<environment> find_open(registry& all, const identity& which, std::unique_lock<std::mutex>& lock) {
  for (;;) {
    const auto found = all.open.find(which);
    if (found == all.open.end()) return nullptr;
    if (auto shared = found->second.lock()) return shared;
    all.closed.wait(lock);
  }
}

}  // namespace

std::shared_ptr<environment> open_registered(const std::filesystem::path& directory, access_mode mode,
                                             const std::function<std::unique_ptr<environment>()>& open) {
  registry& all = the_registry();
  // In front of the lock: whoever turns out to be the last to have it closes it, which takes the lock.
  std::unique_ptr<environment, closing> fresh;
  std::shared_ptr<environment> shared;
  std::unique_lock lock(all.mutex);
  const identity which = identity_of(directory);
  shared = find_open(all, which, lock);
  if (shared) {
    if (mode == access_mode::read) return shared;
    throw error(errc::state_in_use, "lmdb: " + directory.string() +
                                        " is open in this process already; close the engine or reader that has it "
                                        "before it is opened for writing");
  }
  fresh = {open().release(), closing{which}};
  std::weak_ptr<environment>& entry = all.open[which];
  shared = std::move(fresh);
  entry = shared;
  return shared;
}

void alone_in_process(const std::filesystem::path& directory, const std::function<void()>& action) {
  registry& all = the_registry();
  std::shared_ptr<environment> shared;  // as above
  std::unique_lock lock(all.mutex);
  shared = find_open(all, identity_of(directory), lock);
  if (shared)
    throw error(errc::state_in_use, "lmdb: " + directory.string() +
                                        " is open in this process already; close the engine or reader that has it first");
  action();
}

}  // namespace pawl::core
