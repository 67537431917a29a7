// Takes one item through an erased chain, without an engine: for tests of the typed layer.
#pragma once

#include <pawl/detail/erased.hpp>
#include <pawl/testing.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace pawl::test {

// Raw storage for one value of a value_type.
class held_value {
public:
  explicit held_value(const detail::value_type& type)
      : type_(&type), storage_(::operator new(type.size, std::align_val_t(type.align))) {}
  held_value(held_value&& other) noexcept
      : type_(other.type_), storage_(std::exchange(other.storage_, nullptr)), constructed_(other.constructed_) {}
  held_value& operator=(held_value&&) = delete;
  ~held_value() {
    if (storage_ == nullptr) return;
    if (constructed_ && type_->destroy != nullptr) type_->destroy(storage_);
    ::operator delete(storage_, std::align_val_t(type_->align));
  }
  [[nodiscard]] void* storage() const { return storage_; }
  void constructed() { constructed_ = true; }

private:
  const detail::value_type* type_;
  void* storage_;
  bool constructed_ = false;
};

// Values are numbered as in erased.hpp: 0 is the input, k the result of step k-1.
class chain_driver {
public:
  template <class In>
  chain_driver(std::shared_ptr<const detail::chain> chain, In input) : chain_(std::move(chain)) {
    held_.reserve(chain_->steps.size() + 1);
    held_.emplace_back(*chain_->input);
    ::new (held_.back().storage()) In(std::move(input));
    held_.back().constructed();
    values_.push_back(held_.back().storage());
  }

  // Calls the next step once.
  outcome_kind step() {
    const detail::erased_step& step = chain_->steps.at(values_.size() - 1);
    if (step.result != nullptr) held_.emplace_back(*step.result);
    void* const out = step.result != nullptr ? held_.back().storage() : nullptr;
    std::vector<const void*> seen(chain_->steps.size() + 1, nullptr);
    for (const std::uint16_t number : step.reads) seen.at(number) = values_.at(number);
    detail::call_frame frame{seen.data(), values_.back(), out, context, {}};
    const outcome_kind kind = step.call(step.self, frame);
    reason = frame.reason;
    if (kind != outcome_kind::value) return kind;
    if (step.result != nullptr) held_.back().constructed();
    values_.push_back(step.result != nullptr ? out : values_.back());
    return kind;
  }
  void run() {
    while (values_.size() <= chain_->steps.size()) step();
  }

  template <class T>
  [[nodiscard]] const T& value(std::size_t number) const {
    return *static_cast<const T*>(values_.at(number));
  }
  template <class T>
  [[nodiscard]] const T& last() const {
    return *static_cast<const T*>(values_.back());
  }

  test_context context;
  std::string reason;

private:
  std::shared_ptr<const detail::chain> chain_;
  std::vector<held_value> held_;
  std::vector<void*> values_;
};

}  // namespace pawl::test
