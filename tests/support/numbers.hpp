// 0, 1, 2, ...: the source of many a test.
#pragma once

#include <vector>

namespace pawl::test {

inline std::vector<int> numbers(int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(i);
  return all;
}

}  // namespace pawl::test
