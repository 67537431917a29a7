// What it costs to check that stored values can still be read, once for each
// schema, and to read one that was written under an older one, per value.
//
//   build/bench/micro_schema
#include <pawl/codec.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

struct page_before {
  std::string url;
  std::int32_t status = 0;
  std::vector<std::string> links;
};

// One field wider, one more, one moved.
struct page_now {
  std::string url;
  std::vector<std::string> links;
  std::int64_t status = 0;
  bool fresh = false;
};

const page_before example{"https://example.org/index.html", 200, {"https://example.org/a", "https://example.org/b"}};

void parse_text(benchmark::State& state) {
  const std::string text = pawl::schema_of<page_now>().to_string();
  for (auto _ : state) benchmark::DoNotOptimize(pawl::schema::parse(text));
}

void compare_equal(benchmark::State& state) {
  const pawl::schema stored = pawl::schema::parse(pawl::schema_of<page_now>().canonical());
  for (auto _ : state) benchmark::DoNotOptimize(stored == pawl::schema_of<page_now>());
}

void check_readable(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(pawl::schema_of<page_before>().why_not_readable_as(pawl::schema_of<page_now>()));
}

void decode_same(benchmark::State& state) {
  const std::vector<std::byte> bytes = pawl::encode(example);
  const pawl::schema& stored = pawl::schema_of<page_before>();
  for (auto _ : state) benchmark::DoNotOptimize(pawl::decode<page_before>(bytes, stored));
}

void decode_older(benchmark::State& state) {
  const std::vector<std::byte> bytes = pawl::encode(example);
  const pawl::schema& stored = pawl::schema_of<page_before>();
  for (auto _ : state) benchmark::DoNotOptimize(pawl::decode<page_now>(bytes, stored));
}

void print_as_json(benchmark::State& state) {
  const std::vector<std::byte> bytes = pawl::encode(example);
  const pawl::schema& stored = pawl::schema_of<page_before>();
  for (auto _ : state) benchmark::DoNotOptimize(stored.to_json(bytes));
}

}  // namespace

BENCHMARK(parse_text);
BENCHMARK(compare_equal);
BENCHMARK(check_readable);
BENCHMARK(decode_same);
BENCHMARK(decode_older);
BENCHMARK(print_as_json);
BENCHMARK_MAIN();
