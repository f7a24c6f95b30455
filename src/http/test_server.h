// For tests: a server on a loop of its own whose handler is a function.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_text.h"
#include "http/raw_peer.h"
#include "http/server.h"

namespace weir::http {

// Keeps an exchange and what happened to it; responds when told to.
class Visit final : public ExchangeEvents {
 public:
  explicit Visit(Exchange& exchange) : exchange(&exchange) { exchange.setEvents(*this); }
  void onBody(std::span<const std::byte> bytes) override {
    body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (echo) {
      EXPECT_EQ(exchange->write(bytes), WriteOutcome::kTaken);
    }
    if (grantBack) exchange->readMore(bytes.size());
  }
  void onBodyEnd() override {
    ended = true;
    if (echo) {
      EXPECT_TRUE(exchange->finish());
    }
  }
  void onBodyRefused(const Refusal& refusal) override { refused = refusal.status; }
  void onDrained() override {
    ++drained;
    if (then) then();
  }
  void onGone() override {
    gone = true;
    exchange = nullptr;
  }

  Exchange* exchange;  // null once gone
  std::string body;
  bool echo = false;
  bool grantBack = false;
  bool ended = false;
  bool gone = false;
  int drained = 0;
  int refused = 0;
  std::function<void()> then;
};

class ServerTest : public testing::Test, private RequestHandler {
 protected:
  void open(const HttpLimits& limits = {}, const net::TlsServerContext* tls = nullptr) {
    auto opened = Server::open(
        loop, {.address = *net::Address::parse("127.0.0.1:0"), .limits = limits, .listener = {}, .tls = tls}, *this);
    ASSERT_TRUE(opened.ok());
    server = std::move(*opened);
  }
  std::unique_ptr<Peer> connect() { return std::make_unique<Peer>(loop, server->address()); }

  // Without `handle` a request becomes a visit that waits for the test.
  void onRequest(Exchange& exchange) override {
    ++requests;
    if (handle) return handle(exchange);
    visits.push_back(std::make_unique<Visit>(exchange));
  }
  Visit& visit() { return *visits.back(); }

  // Runs the loop until `condition`, which is not asked again once it was true; a failure instead of a hang after ten
  // seconds.
  template <class Condition>
  void until(Condition condition, const char* what = "") {
    const auto deadline = clock.now() + std::chrono::seconds(10);
    bool met;
    while (!(met = condition()) && clock.now() < deadline) loop.runOnce(std::chrono::milliseconds(100));
    ASSERT_TRUE(met) << what;
  }
  // Runs everything that is ready now.
  void settle() {
    for (int i = 0; i < 20; ++i) loop.runOnce(std::chrono::milliseconds(1));
  }

  base::SystemClock clock;
  net::Loop loop{clock};
  std::function<void(Exchange&)> handle;
  std::vector<std::unique_ptr<Visit>> visits;
  int requests = 0;
  std::unique_ptr<Server> server;
};

}  // namespace weir::http
