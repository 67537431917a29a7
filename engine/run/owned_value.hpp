// A value of a type that only its table is known of, in memory of its own.
#pragma once

#include <pawl/detail/erased.hpp>

#include <new>
#include <utility>

namespace pawl::core {

class owned_value {
public:
  // Room for a value; `construct` constructs one there. What that throws passes through.
  template <class Construct>
  owned_value(const detail::value_type& type, const Construct& construct) : type_(&type) {
    const std::align_val_t align{type.align};
    storage_ = ::operator new(type.size, align);
    try {
      construct(storage_);
    } catch (...) {
      ::operator delete(storage_, align);
      throw;
    }
  }
  owned_value(owned_value&& other) noexcept : type_(other.type_), storage_(std::exchange(other.storage_, nullptr)) {}
  ~owned_value() {
    if (storage_ == nullptr) return;
    if (type_->destroy != nullptr) type_->destroy(storage_);
    ::operator delete(storage_, std::align_val_t{type_->align});
  }
  owned_value(const owned_value&) = delete;
  owned_value& operator=(const owned_value&) = delete;
  owned_value& operator=(owned_value&&) = delete;

  [[nodiscard]] void* get() const noexcept { return storage_; }

private:
  const detail::value_type* type_;
  void* storage_;
};

}  // namespace pawl::core
