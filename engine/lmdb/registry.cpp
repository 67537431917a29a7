#include "lmdb/registry.hpp"

#include "file/file_system.hpp"
#include "file/fork.hpp"

#include <pawl/error.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <compare>
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

struct registry {
  std::mutex mutex;
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

}  // namespace

std::shared_ptr<environment> open_registered(const std::filesystem::path& directory, access_mode mode,
                                             const std::function<std::unique_ptr<environment>()>& open) {
  registry& all = the_registry();
  const std::scoped_lock lock(all.mutex);
  const identity which = identity_of(directory);
  if (auto shared = all.open[which].lock()) {
    if (mode == access_mode::read) return shared;
    throw error(errc::state_in_use, "lmdb: " + directory.string() +
                                        " is open in this process already; close the engine or reader that has it "
                                        "before it is opened for writing");
  }
  auto fresh = open();
  std::shared_ptr<environment> shared(fresh.get(), [which](environment* old) {
    registry& entries = the_registry();
    const std::scoped_lock closing(entries.mutex);
    delete old;
    entries.open.erase(which);
  });
  static_cast<void>(fresh.release());
  all.open[which] = shared;
  return shared;
}

void alone_in_process(const std::filesystem::path& directory, const std::function<void()>& action) {
  registry& all = the_registry();
  const std::scoped_lock lock(all.mutex);
  const auto found = all.open.find(identity_of(directory));
  if (found != all.open.end() && !found->second.expired())
    throw error(errc::state_in_use, "lmdb: " + directory.string() +
                                        " is open in this process already; close the engine or reader that has it first");
  action();
}

}  // namespace pawl::core
