#include "support/catch.hpp"

#include <pawl/testing.hpp>

#include <type_traits>

TEST_CASE("a test context answers as it was told to") {
  pawl::test_context ctx;
  CHECK(ctx.attempt() == 1);
  CHECK(ctx.idempotency_key().size() == 32);
  ctx.with_key("k").with_attempt(3).with_idempotency_key("abc");
  CHECK(ctx.key() == "k");
  CHECK(ctx.attempt() == 3);
  CHECK(ctx.idempotency_key() == "abc");
  ctx.progress(0.25);
  CHECK(ctx.reported_progress() == 0.25);
  CHECK(&ctx.logger() == &ctx.logger());
}

TEST_CASE("a step that looks at its stop token gives up") {
  pawl::test_context ctx;
  CHECK_FALSE(ctx.stop_requested());
  CHECK_NOTHROW(ctx.throw_if_stopped());
  const std::stop_token token = ctx.stop_token();
  ctx.request_stop();
  CHECK(token.stop_requested());
  CHECK_THROWS_AS(ctx.throw_if_stopped(), pawl::step_stopped);
}

TEST_CASE("a context cannot be kept by copying it") {
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<pawl::context>);
  STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<pawl::context>);
}
