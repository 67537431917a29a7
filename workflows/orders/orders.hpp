// The orders, the tables that they change, and the workflow that books them.
#pragma once

#include <pawl/pawl.hpp>

#include <cstdint>
#include <optional>

namespace orders {

inline constexpr std::uint32_t account_count = 1000;
inline constexpr std::int64_t opening_cents = 1'000'000;

struct order {
  std::uint64_t number = 0;
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::int64_t cents = 0;
  friend bool operator==(const order&, const order&) = default;
};

// What an order says depends on its number alone.
inline order order_of(std::uint64_t number) {
  std::uint64_t mixed = (number + 1) * 0x9e3779b97f4a7c15;  // SplitMix64's finalizer
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
  mixed ^= mixed >> 31;
  const auto from = static_cast<std::uint32_t>(mixed % account_count);
  const auto other = static_cast<std::uint32_t>((mixed >> 20) % (account_count - 1));
  return {number, from, (from + 1 + other) % account_count, static_cast<std::int64_t>((mixed >> 40) % 10'000) + 1};
}

inline constexpr pawl::table<"accounts", std::uint32_t, std::int64_t> accounts;  // cents; absent: nothing booked yet
inline constexpr pawl::table<"ledger", std::uint64_t, order> ledger;

// Booking an order twice, or half of it, would show: balances are changed by what is read.
inline auto booking() {
  return pawl::workflow<"orders">(
      pawl::pure<"price">([](std::uint64_t number) { return order_of(number); }),
      pawl::transactional<"book">([](const order& what, pawl::transaction& tx) {
        tx.put(accounts, what.from, tx.get(accounts, what.from).value_or(opening_cents) - what.cents);
        tx.put(accounts, what.to, tx.get(accounts, what.to).value_or(opening_cents) + what.cents);
        tx.put(ledger, what.number, what);
      }));
}

// 0, 1, 2, ...
inline auto numbers_up_to(std::uint64_t items) {
  return pawl::generate([next = std::uint64_t{0}, items]() mutable -> std::optional<std::uint64_t> {
    if (next == items) return std::nullopt;
    return next++;
  });
}

}  // namespace orders
