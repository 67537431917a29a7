#include "file/fork.hpp"

#include <pthread.h>

#include <atomic>

namespace pawl::core {
namespace {

std::atomic<std::uint64_t> generation{1};

}  // namespace

std::uint64_t process_generation() noexcept {
  static const int watched = ::pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1); });
  static_cast<void>(watched);
  return generation.load(std::memory_order_relaxed);
}

}  // namespace pawl::core
