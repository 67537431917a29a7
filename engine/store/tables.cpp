#include "store/tables.hpp"

#include <pawl/error.hpp>

namespace pawl::core {
namespace {

thread_local bool turn_is_here = false;

std::string types_of(std::string_view key, std::string_view value) {
  return "keys of type " + std::string(key) + " and values of type " + std::string(value);
}

}  // namespace

table_store::turn::turn(table_store& of, const std::function<bool()>& enough) : of_(of) {
  if (turn_is_here)
    throw error(errc::bad_argument,
                "run: a transactional step tried to run transactional steps; call the engine from outside of them");
  lock_ = std::unique_lock(of.writing_);
  has_it_ = of.keep_others_out(enough);
  turn_is_here = has_it_;
}

table_store::turn::~turn() {
  if (!has_it_) return;
  turn_is_here = false;
  of_.let_others_in();
}

bool table_store::has_turn() noexcept { return turn_is_here; }

void check_table(const table_record& recorded, const table_schema& asked) {
  if (recorded.key_schema == asked.key_schema && recorded.value_schema == asked.value_schema) return;
  const bool key = recorded.key_schema != asked.key_schema;
  const bool value = recorded.value_schema != asked.value_schema;
  throw error(errc::schema_mismatch,
              "table '" + recorded.name + "': it is opened with " + types_of(asked.key_text, asked.value_text) +
                  ", and its recorded " + (key && value ? "keys and values have" : key ? "keys have" : "values have") +
                  " other types, which `pawl table STATE` shows; open it with those, or give the new table another name");
}

}  // namespace pawl::core
