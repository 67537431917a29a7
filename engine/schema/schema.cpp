// The value class pawl::schema, its hash, and the way from a C++ type's
// description (type_desc) to its text.
#include <pawl/codec.hpp>
#include <pawl/error.hpp>
#include <pawl/schema.hpp>

#include "schema/tree.hpp"

#include <algorithm>

namespace pawl {
namespace core {

std::uint64_t hash_of_schema(std::string_view text) noexcept {
  // FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  // The final mix of MurmurHash3 (public domain), so that every bit of the text reaches every bit of the hash.
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  hash ^= hash >> 33;
  return hash == 0 ? 1 : hash;
}

namespace {

using detail::type_desc;

// Writes a type's text in the one canonical spelling, and notes per node (in
// the order of the text, as the parser counts them) how to make a default.
class writer {
public:
  std::string text;
  std::vector<void (*)(encoder&)> defaults;

  void type(const type_desc& desc) {
    if (defaults.size() >= schema_nodes_max || text.size() > schema_text_max || depth_ >= schema_depth_max) too_large();
    ++depth_;
    if (const auto enclosing = std::find(records_.rbegin(), records_.rend(), &desc); enclosing != records_.rend()) {
      defaults.push_back(nullptr);
      text += "up<" + std::to_string(enclosing - records_.rbegin()) + ">";
    } else {
      defaults.push_back(desc.encode_default);
      body(desc);
    }
    --depth_;
  }

private:
  [[noreturn]] static void too_large() {
    throw error(errc::too_large,
                "schema: a type is too large to describe (32 levels of nesting, 65,536 types or 1 MiB of names); "
                "split it, or specialise pawl::codec for a part of it");
  }

  void body(const type_desc& desc) {
    switch (desc.kind) {
      case schema_kind::list:
        text += '[';
        type(*desc.children[0]);
        text += ']';
        return;
      case schema_kind::record:
        record(desc);
        return;
      case schema_kind::custom:
        text += "custom<\"" + std::string(desc.name) + "\"";
        if (desc.a != 0) text += ", " + std::to_string(desc.a);
        text += '>';
        return;
      default:
        text += word_of(desc.kind);
        arguments(desc);
    }
  }

  void record(const type_desc& desc) {
    records_.push_back(&desc);
    text += "record{";
    for (std::size_t i = 0; i < desc.count; ++i) {
      if (i != 0) text += ", ";
      text += desc.names[i];
      text += ": ";
      type(*desc.children[i]);
    }
    text += '}';
    records_.pop_back();
  }

  void arguments(const type_desc& desc) {
    if (desc.count == 0 && desc.kind != schema_kind::tuple) return;
    text += '<';
    for (std::size_t i = 0; i < desc.count; ++i) {
      if (i != 0) text += ", ";
      type(*desc.children[i]);
    }
    if (desc.kind == schema_kind::array) text += ", " + std::to_string(desc.a);
    if (desc.b != 0) text += ", " + std::to_string(desc.a) + "/" + std::to_string(desc.b);
    text += '>';
  }

  std::vector<const type_desc*> records_;
  std::size_t depth_ = 0;
};

}  // namespace
}  // namespace core

schema schema::parse(std::string_view canonical) { return schema(core::parse_schema(canonical)); }
std::uint64_t schema::hash() const noexcept { return tree_->hash; }
std::string_view schema::canonical() const noexcept { return tree_->canonical; }

schema detail::make_schema(const type_desc& desc) {
  core::writer written;
  written.type(desc);
  auto tree = core::parse_schema(written.text);
  tree->defaults = std::move(written.defaults);
  return schema(std::move(tree));
}

}  // namespace pawl
