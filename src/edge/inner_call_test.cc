#include "edge/inner_call.h"

#include <gtest/gtest.h>

#include "base/byte_text.h"

namespace weir::edge {
namespace {

using namespace std::chrono_literals;

std::string textOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

http::ClientRequest of(std::string method) {
  http::ClientRequest request;
  request.method = std::move(method);
  return request;
}

struct Caller final : InnerCallEvents {
  void onHead(const http::ResponseHead& head) override {
    status = head.status;
    headers = head.headers;
    framing = head.framing;
    if (dropAtHead) call.reset();
  }
  void onBody(std::span<const std::byte> bytes) override { body += textOf(bytes); }
  void onEnd() override { ended = true; }
  void onError(const http::ClientError& failure) override { error = failure; }
  void onDrained() override { ++drained; }
  void onException(std::string_view name, std::string_view message) override {
    if (dropAtEnd) call.reset();
    exception = std::string(name) + ": " + std::string(message);
  }
  std::unique_ptr<InnerCall> call;
  uint16_t status = 0;
  http::HeaderList headers;
  http::Framing framing = http::Framing::kNone;
  std::string body, exception;
  bool ended = false, dropAtHead = false, dropAtEnd = false;
  int drained = 0;
  std::optional<http::ClientError> error;
};

struct Answerer final : http::ExchangeEvents {
  void onBody(std::span<const std::byte> bytes) override { body += textOf(bytes); }
  void onBodyEnd() override { bodyEnded = true; }
  void onDrained() override { ++drained; }
  void onGone() override {
    gone = true;
    exchange = nullptr;
  }
  InnerExchange* exchange = nullptr;
  std::string body;
  bool bodyEnded = false, gone = false;
  int drained = 0;
};

class InnerCallTest : public ::testing::Test {
 protected:
  InnerCallTest() : loop(clock) {}

  void call(http::ClientRequest request, std::function<void(InnerExchange&)> atOnce = {}) {
    request.host = "inner.example";
    caller.call = InnerCall::start(loop, std::move(request), *net::Address::fromIp("192.0.2.7", 1), {own, shared},
                                   caller, [this, atOnce](InnerExchange& exchange) {
                                     ++served;
                                     answerer.exchange = &exchange;
                                     exchange.setEvents(answerer);
                                     if (atOnce) atOnce(exchange);
                                   });
    EXPECT_EQ(served, 0) << "not from within start";
    turn();
    EXPECT_EQ(served, 1);
  }
  void turn() {
    for (int i = 0; i < 4; ++i) loop.runOnce(0ms);
  }

  base::SystemClock clock;
  net::Loop loop;
  base::ByteBudget own{4 * InnerCall::kBufferBytesMax};
  base::ByteBudget shared{1u << 30};
  Answerer answerer;
  Caller caller;  // after the answerer, who hears of its end
  int served = 0;
};

TEST_F(InnerCallTest, aCompleteBodyAndAWholeResponse) {
  http::ClientRequest request;
  request.method = "POST";
  request.target = "/a?b";
  request.headers.add("x", "y");
  request.bodyKind = http::RequestBody::kComplete;
  request.body = "question";
  call(std::move(request), [](InnerExchange& exchange) {
    EXPECT_EQ(exchange.head().method, "POST");
    EXPECT_EQ(exchange.head().target, "/a?b");
    EXPECT_EQ(exchange.head().authority, "inner.example");
    EXPECT_EQ(exchange.head().headers.find("x"), "y");
    EXPECT_EQ(exchange.head().headers.find("content-length"), "8");
    EXPECT_EQ(exchange.remoteIp(), "192.0.2.7");
    EXPECT_EQ(textOf(*exchange.takeCompleteBody()), "question");
    EXPECT_TRUE(exchange.respond(201, {{"a", "b"}}, "answer"));
  });
  EXPECT_EQ(caller.status, 201);
  EXPECT_EQ(caller.headers.find("a"), "b");
  EXPECT_EQ(caller.body, "") << "nothing was granted";
  EXPECT_FALSE(caller.ended);
  caller.call->readMore(2);
  turn();
  EXPECT_EQ(caller.body, "an");
  caller.call->readMore(100);
  turn();
  EXPECT_EQ(caller.body, "answer");
  EXPECT_TRUE(caller.ended);
  EXPECT_FALSE(answerer.gone) << "its exchange ended with the response";
}

TEST_F(InnerCallTest, bodiesStreamAsTheyAreGranted) {
  http::ClientRequest request;
  request.method = "PUT";
  request.bodyKind = http::RequestBody::kStreamed;
  call(std::move(request), [](InnerExchange& exchange) { EXPECT_FALSE(exchange.takeCompleteBody()); });
  EXPECT_TRUE(caller.call->write(base::asBytes("one")));
  turn();
  EXPECT_EQ(answerer.body, "");
  answerer.exchange->readMore(2);
  turn();
  EXPECT_EQ(answerer.body, "on");
  answerer.exchange->readMore(10);
  caller.call->finish();
  turn();
  EXPECT_EQ(answerer.body, "one");
  EXPECT_TRUE(answerer.bodyEnded);
  EXPECT_TRUE(answerer.exchange->startResponse(200, {}, std::nullopt));
  caller.call->readMore(1000);
  EXPECT_EQ(answerer.exchange->write(base::asBytes("piece")), http::WriteOutcome::kTaken);
  turn();
  EXPECT_EQ(caller.body, "piece");
  EXPECT_EQ(caller.framing, http::Framing::kChunked);
  EXPECT_FALSE(caller.ended);
  EXPECT_TRUE(answerer.exchange->finish());
  turn();
  EXPECT_TRUE(caller.ended);
}

TEST_F(InnerCallTest, bothBuffersAreBoundedAndTellWhenTheyDrain) {
  http::ClientRequest request;
  request.method = "PUT";
  request.bodyKind = http::RequestBody::kStreamed;
  call(std::move(request));
  const std::string block(InnerCall::kBufferBytesMax, 'x');
  EXPECT_TRUE(caller.call->write(base::asBytes(block)));
  EXPECT_TRUE(caller.call->write(base::asBytes("y"))) << "full, not over";
  EXPECT_FALSE(caller.call->write(base::asBytes("z")));
  EXPECT_TRUE(answerer.exchange->startResponse(200, {}, std::nullopt));
  EXPECT_EQ(answerer.exchange->write(base::asBytes(block)), http::WriteOutcome::kTaken);
  EXPECT_EQ(answerer.exchange->write(base::asBytes("y")), http::WriteOutcome::kTaken);
  EXPECT_EQ(answerer.exchange->write(base::asBytes("z")), http::WriteOutcome::kTooMuch);
  EXPECT_EQ(caller.drained + answerer.drained, 0);
  answerer.exchange->readMore(InnerCall::kBufferBytesMax);
  caller.call->readMore(InnerCall::kBufferBytesMax);
  turn();
  EXPECT_EQ(caller.drained, 1);
  EXPECT_EQ(answerer.drained, 1);
  EXPECT_EQ(answerer.body.size(), InnerCall::kBufferBytesMax);
  EXPECT_EQ(caller.body.size(), InnerCall::kBufferBytesMax);
}

TEST_F(InnerCallTest, whatItKeepsIsWithinTheScriptsBudget) {
  http::ClientRequest request;
  request.method = "PUT";
  request.bodyKind = http::RequestBody::kStreamed;
  call(std::move(request));
  const size_t before = own.leftBytes();
  base::HeldBytes others(own, shared);
  EXPECT_TRUE(others.grow(before - 10));
  EXPECT_TRUE(caller.call->write(base::asBytes("0123456789")));
  EXPECT_FALSE(caller.call->write(base::asBytes("x")));
  answerer.exchange->readMore(4);
  turn();
  EXPECT_EQ(own.leftBytes(), 4u) << "what was read is free again";
  EXPECT_TRUE(answerer.exchange->startResponse(200, {}, std::nullopt));
  EXPECT_EQ(answerer.exchange->write(base::asBytes("12345")), http::WriteOutcome::kTooMuch);
  EXPECT_EQ(answerer.exchange->write(base::asBytes("1234")), http::WriteOutcome::kTaken);
  caller.call.reset();
  EXPECT_EQ(own.leftBytes(), 10u);
}

TEST_F(InnerCallTest, anExceptionReachesTheCallerInsteadOfAPage) {
  call(of("GET"), [](InnerExchange& exchange) { exchange.fail("TypeError", "broken"); });
  EXPECT_EQ(caller.exception, "TypeError: broken");
  EXPECT_EQ(caller.status, 0);
  EXPECT_FALSE(caller.ended);
}

TEST_F(InnerCallTest, aRequestThereIsNoRoomForIsNoException) {
  call(of("GET"), [](InnerExchange& exchange) { exchange.shed("too many"); });
  EXPECT_EQ(caller.exception, "");
  ASSERT_TRUE(caller.error);
  EXPECT_EQ(caller.error->kind, http::ClientErrorKind::kOverloaded);
  EXPECT_EQ(caller.error->message, "too many");
}

TEST_F(InnerCallTest, theTextOfAnExceptionOutlivesTheCall) {
  const std::string message(100, 'm');
  caller.dropAtEnd = true;
  call(of("GET"), [&](InnerExchange& exchange) { exchange.fail("RangeError", message); });
  EXPECT_EQ(caller.exception, "RangeError: " + message);
}

TEST_F(InnerCallTest, aCutResponseIsALostConnection) {
  call(of("GET"), [](InnerExchange& exchange) {
    EXPECT_TRUE(exchange.startResponse(200, {}, 10));
    EXPECT_EQ(exchange.write(base::asBytes("12345")), http::WriteOutcome::kTaken);
    EXPECT_FALSE(exchange.finish()) << "shorter than declared";
  });
  ASSERT_TRUE(caller.error);
  EXPECT_EQ(caller.error->kind, http::ClientErrorKind::kLost);
}

TEST_F(InnerCallTest, droppingTheCallTellsTheAnswerer) {
  call(of("GET"));
  EXPECT_FALSE(answerer.gone);
  caller.call.reset();
  EXPECT_TRUE(answerer.gone);
  turn();
}

TEST_F(InnerCallTest, theCallMayBeDroppedFromWithinAnEvent) {
  caller.dropAtHead = true;
  call(of("GET"), [](InnerExchange& exchange) { EXPECT_TRUE(exchange.startResponse(200, {}, std::nullopt)); });
  EXPECT_EQ(caller.status, 200);
  EXPECT_EQ(caller.call, nullptr);
  EXPECT_TRUE(answerer.gone);
}

TEST_F(InnerCallTest, aResponseToHeadHasNoBody) {
  call(of("HEAD"), [](InnerExchange& exchange) { EXPECT_TRUE(exchange.respond(200, {}, "never seen")); });
  EXPECT_TRUE(caller.ended);
  EXPECT_EQ(caller.body, "");
  EXPECT_EQ(caller.framing, http::Framing::kNone);
}

TEST_F(InnerCallTest, aBodyShorterThanDeclaredFailsTheCall) {
  http::ClientRequest request;
  request.method = "PUT";
  request.bodyKind = http::RequestBody::kStreamed;
  request.contentLength = 5;
  call(std::move(request));
  EXPECT_FALSE(caller.call->write(base::asBytes("123456")));
  EXPECT_TRUE(caller.call->write(base::asBytes("123")));
  caller.call->finish();
  turn();
  ASSERT_TRUE(caller.error);
  EXPECT_EQ(caller.error->kind, http::ClientErrorKind::kBadRequest);
  EXPECT_TRUE(answerer.gone);
}

}  // namespace
}  // namespace weir::edge
