#include "flight/out_of_memory.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

namespace pawl::core {
namespace {

// The number behind "oom_kill " in one of the kernel's lists.
bool read_kills(const std::filesystem::path& path, std::uint64_t& into) {
  std::ifstream in(path);
  std::string name;
  for (std::uint64_t number = 0; in >> name >> number;)
    if (name == "oom_kill") {
      into = number;
      return true;
    }
  return false;
}

std::uint64_t inode_of(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_ino) : 0;
}

bool has_controller(std::string_view list, std::string_view wanted) {
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    if (list.substr(at, end - at) == wanted) return true;
    at = end + 1;
  }
  return false;
}

// Where the kernel's name of a group is to be looked for: seen from within a container its own group may be the root.
bool read_group(const std::filesystem::path& mounted, std::string name, const char* file, oom_counters& into) {
  name.erase(0, name.find_first_not_of('/'));
  for (const std::filesystem::path& group : {mounted / name, mounted}) {
    if (!read_kills(group / file, into.in_group)) continue;
    into.group = inode_of(group);
    return true;
  }
  return false;
}

}  // namespace

oom_counters read_oom_counters(const std::filesystem::path& root) {
  oom_counters now;
  static_cast<void>(read_kills(root / "proc/vmstat", now.in_machine));
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // NUMBER:CONTROLLERS:PATH
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string name = line.substr(second + 1);
    if (has_controller(controllers, "memory") && read_group(root / "sys/fs/cgroup/memory", name, "memory.oom_control", now))
      break;
    if (controllers.empty() && read_group(root / "sys/fs/cgroup", name, "memory.events", now)) break;
  }
  return now;
}

bool killed_for_memory(const oom_counters& before, const oom_counters& now) noexcept {
  if (before.group != 0 && before.group == now.group) return now.in_group > before.in_group;
  return now.in_machine > before.in_machine;
}

}  // namespace pawl::core
