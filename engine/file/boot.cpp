#include "file/boot.hpp"

#include <cstdlib>
#include <fstream>
#include <string>

namespace pawl::core {

boot_id this_boot() {
  boot_id boot{};
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string text;
  in >> text;
  std::erase(text, '-');
  if (text.size() != 2 * boot.size()) return boot;
  for (std::size_t i = 0; i < boot.size(); ++i)
    boot[i] = static_cast<std::byte>(std::strtoul(text.substr(2 * i, 2).c_str(), nullptr, 16));
  return boot;
}

}  // namespace pawl::core
