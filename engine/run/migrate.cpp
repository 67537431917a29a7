#include "run/migrate.hpp"

#include <pawl/encoder.hpp>

#include <memory>
#include <new>
#include <string>

namespace pawl::core {
namespace {

[[noreturn]] void throw_failed(std::string_view step, const detail::migration& how, const char* why) {
  throw migration_failed("what an older version of step '" + std::string(step) + "' returned, a " +
                         std::string(how.from->cpp_name) + ", could not be migrated: " +
                         (why != nullptr ? why : "the function threw something that says nothing") +
                         "; what is stored is as it was: mend .migrate and run again");
}

}  // namespace

void migrate(const detail::migration& how, std::string_view step, std::span<const std::byte> bytes, void* to) {
  const detail::value_type& type = *how.from;
  struct freer {
    std::align_val_t align;
    void operator()(void* storage) const noexcept { ::operator delete(storage, align); }
  };
  const std::unique_ptr<void, freer> storage(::operator new(type.size, std::align_val_t{type.align}),
                                             freer{std::align_val_t{type.align}});
  decoder in(bytes);
  type.decode(storage.get(), in, nullptr);
  struct destroyer {
    const detail::value_type& type;
    void* value;
    ~destroyer() {
      if (type.destroy != nullptr) type.destroy(value);
    }
  } const older{type, storage.get()};
  try {
    how.apply(how.self.get(), to, older.value);
  } catch (const std::exception& failure) {
    throw_failed(step, how, failure.what());
  } catch (...) {
    throw_failed(step, how, nullptr);
  }
}

}  // namespace pawl::core
