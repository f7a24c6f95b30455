#include "http/server.h"

#include <gtest/gtest.h>

#include "http/test_server.h"

namespace weir::http {
namespace {

using namespace std::chrono_literals;

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr const char* kGetClose = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

std::string post(std::string_view body, const std::string& fields = {}) {
  return "POST / HTTP/1.1\r\nHost: x\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

void respondWithTarget(Exchange& exchange) { EXPECT_TRUE(exchange.respond(200, {{"A", "b"}}, exchange.head().target)); }

TEST_F(ServerTest, answersAndKeepsTheConnection) {
  open();
  handle = respondWithTarget;
  auto peer = connect();
  peer->send("GET /one HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return peer->take("/one"); });
  EXPECT_TRUE(peer->taken.starts_with("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 4\r\nDate: ")) << peer->taken;
  EXPECT_EQ(peer->taken.find("Connection"), std::string::npos);
  peer->send("GET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  until([&] { return peer->take("/two"); });
  EXPECT_NE(peer->taken.find("Connection: close\r\n"), std::string::npos);
  until([&] { return peer->ended; });
  peer.reset();
  until([&] { return server->connectionCount() == 0; });
}

TEST_F(ServerTest, http10IsClosedUnlessItAsksOtherwise) {
  open();
  handle = respondWithTarget;
  auto peer = connect();
  peer->send("GET /one HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  until([&] { return peer->take("/one"); });
  EXPECT_NE(peer->taken.find("Connection: keep-alive\r\n"), std::string::npos);
  peer->send("GET /two HTTP/1.0\r\n\r\n");
  until([&] { return peer->take("/two"); });
  until([&] { return peer->ended; });
}

TEST_F(ServerTest, pipelinedRequestsAreHandledOneAtATimeInOrder) {
  open();
  auto peer = connect();
  peer->send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 1; i <= 3; ++i) {
    until([&] { return requests == i; });
    settle();
    EXPECT_EQ(requests, i);
    respondWithTarget(*visit().exchange);
  }
  until([&] { return peer->take("/1"); });
  until([&] { return peer->take("/2"); });
  until([&] { return peer->take("/3"); });
}

TEST_F(ServerTest, manyPipelinedRequestsAreAllAnswered) {
  open();
  handle = respondWithTarget;
  auto peer = connect();
  std::string batch;
  for (int i = 0; i < 5000; ++i) batch += "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
  peer->send(batch + "GET /last HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return peer->take("/last"); });
  EXPECT_EQ(requests, 5001);
}

TEST_F(ServerTest, halfClosedBatchIsServedToItsEnd) {
  open();
  auto peer = connect();
  peer->send(std::string(kGet) + "GET /last HTTP/1.1\r\nHost: x\r\n\r\n");
  peer->stream->finishSending();
  until([&] { return requests == 1; });
  settle();
  ASSERT_FALSE(visit().gone);
  respondWithTarget(*visit().exchange);
  until([&] { return requests == 2; });
  ASSERT_FALSE(visit().gone);
  respondWithTarget(*visit().exchange);
  until([&] { return peer->take("/last"); });
  until([&] { return peer->ended; });
  until([&] { return server->connectionCount() == 0; });
}

TEST_F(ServerTest, smallBodiesAreThereAtOnce) {
  open();
  handle = [](Exchange& exchange) {
    const auto body = exchange.takeCompleteBody();
    ASSERT_TRUE(body);
    EXPECT_TRUE(exchange.respond(200, {}, {reinterpret_cast<const char*>(body->data()), body->size()}));
  };
  auto peer = connect();
  peer->send(post("hello ") + post("again ") + kGet + post("last"));
  until([&] { return peer->take("\r\n\r\nhello "); });
  until([&] { return peer->take("\r\n\r\nagain "); });
  until([&] { return peer->take("\r\n\r\nlast"); });
}

TEST_F(ServerTest, aBodyTakenWholeMayBeAnsweredLater) {
  open();
  handle = [&](Exchange& exchange) {
    EXPECT_TRUE(exchange.takeCompleteBody());
    visits.push_back(std::make_unique<Visit>(exchange));
  };
  auto peer = connect();
  peer->send(post("hello") + post("again"));
  until([&] { return requests == 1; });
  settle();
  EXPECT_TRUE(visit().body.empty());
  EXPECT_FALSE(visit().ended);
  respondWithTarget(*visit().exchange);
  until([&] { return requests == 2; });
}

TEST_F(ServerTest, bodiesComeAsGranted) {
  open();
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  until([&] { return requests == 1; });
  settle();
  EXPECT_EQ(visit().body, "");
  visit().exchange->readMore(3);
  EXPECT_EQ(visit().body, "");  // never from within
  until([&] { return visit().body == "hel"; });
  settle();
  EXPECT_EQ(visit().body, "hel");
  visit().exchange->readMore(2);
  until([&] { return visit().body == "hello"; });
  EXPECT_FALSE(visit().ended);
  peer->send("0\r\n\r\n");
  until([&] { return visit().ended; });  // without a further grant
  respondWithTarget(*visit().exchange);
  until([&] { return peer->take("\r\n\r\n/"); });
}

TEST_F(ServerTest, theEndOfNoBodyIsToldToWhoAsks) {
  open();
  auto peer = connect();
  peer->send(kGet);
  until([&] { return requests == 1; });
  visit().exchange->readMore(1);
  EXPECT_FALSE(visit().ended);
  until([&] { return visit().ended; });
}

TEST_F(ServerTest, ungrantedBodiesHoldTheSenderBack) {
  open();
  auto peer = connect();
  const std::string body(64 << 20, 'b');
  peer->send(post(body));
  until([&] { return requests == 1; });
  settle();
  const size_t waiting = peer->stream->pendingBytes();
  EXPECT_GT(waiting, body.size() / 2);  // the rest is in the kernel's buffers
  settle();
  EXPECT_EQ(peer->stream->pendingBytes(), waiting);
  visit().grantBack = true;
  visit().exchange->readMore(64 * 1024);
  until([&] { return visit().ended; });
  EXPECT_EQ(visit().body.size(), body.size());
}

TEST_F(ServerTest, echoesChunkedBothWays) {
  open();
  handle = [&](Exchange& exchange) {
    visits.push_back(std::make_unique<Visit>(exchange));
    ASSERT_TRUE(exchange.startResponse(200, {}, std::nullopt));
    visit().echo = visit().grantBack = true;
    exchange.readMore(100);
  };
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  until([&] { return peer->take("Transfer-Encoding: chunked\r\n"); });
  until([&] { return peer->take("\r\n3\r\nabc\r\n"); });
  peer->send("2\r\nde\r\n0\r\n\r\n");
  until([&] { return peer->take("2\r\nde\r\n0\r\n\r\n"); });
  peer->send(kGet);
  until([&] { return requests == 2; });
}

TEST_F(ServerTest, continueIsSentWhenTheBodyIsAskedFor) {
  open();
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  until([&] { return requests == 1; });
  settle();
  EXPECT_EQ(peer->received, "");
  visit().exchange->readMore(10);
  until([&] { return peer->take("HTTP/1.1 100 Continue\r\n\r\n"); });
  peer->send("hi");
  until([&] { return visit().ended; });
  EXPECT_EQ(visit().body, "hi");
  respondWithTarget(*visit().exchange);
  until([&] { return peer->take("\r\n\r\n/"); });
  EXPECT_EQ(peer->taken.find("Connection: close"), std::string::npos);
}

TEST_F(ServerTest, aBodyThatWasNotContinuedEndsTheConnection) {
  open();
  handle = respondWithTarget;
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  until([&] { return peer->take("Connection: close\r\n"); });
  until([&] { return peer->ended; });
}

TEST_F(ServerTest, unreadBodiesAreSkippedUpToABound) {
  open();
  handle = respondWithTarget;
  auto peer = connect();
  peer->send(post(std::string(200 * 1024, 'b')) + "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return peer->take("/next"); });
  peer->send(post(std::string(300 * 1024, 'b')) + "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return peer->take("Connection: close\r\n"); });
  until([&] { return peer->closed(); });
  EXPECT_EQ(requests, 3);
}

TEST_F(ServerTest, anAnswerBeforeTheEndOfALongBodyIsTheLastAndTheRestIsReadBehindIt) {
  open();
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\nstart");
  until([&] { return requests == 1; });
  visit().exchange->readMore(5);
  until([&] { return visit().body == "start"; });
  EXPECT_TRUE(visit().exchange->respond(500, {}, "no more"));
  until([&] { return peer->take("Connection: close\r\n"); });
  until([&] { return peer->take("no more"); });
  for (int i = 0; i < 30; ++i) {
    peer->send(std::string(100'000, 'b'));
    settle();
    ASSERT_FALSE(peer->broken) << i;
  }
  EXPECT_TRUE(peer->ended);
  peer->stream->finishSending();
  until([&] { return server->connectionCount() == 0; });
}

TEST_F(ServerTest, aPromiseToKeepTheConnectionIsKeptHoweverMuchComesOfAnUnreadBody) {
  open();
  handle = [&](Exchange& exchange) {
    if (exchange.head().target == "/streamed") {
      exchange.readMore(1);
      visits.push_back(std::make_unique<Visit>(exchange));
    } else {
      respondWithTarget(exchange);
    }
  };
  auto peer = connect();
  peer->send("POST /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\n");
  until([&] { return peer->take("/chunked"); });
  peer->send(std::string(1'000'000, 'b') + "\r\n0\r\n\r\n");
  peer->send("POST /streamed HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  until([&] { return requests == 2; });
  ASSERT_TRUE(visit().exchange->startResponse(200, {}, 2));
  EXPECT_EQ(visit().exchange->write(base::asBytes("ok")), WriteOutcome::kTaken);
  EXPECT_TRUE(visit().exchange->finish());
  until([&] { return peer->take("\r\n\r\nok"); });
  EXPECT_EQ(peer->taken.find("Connection: close"), std::string::npos);
  peer->send(std::string(1'000'000, 'b') + "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return peer->take("/next"); });
}

TEST_F(ServerTest, aClientThatSendsOnBehindTheLastAnswerIsReadForAWhile) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n";
  handle = respondWithTarget;
  for (const bool patient : {true, false}) {
    open({.lingerTimeout = 20ms, .lingerMax = patient ? 3'600'000ms : 40ms});
    auto peer = connect();
    peer->send(head);
    until([&] { return peer->take("Connection: close\r\n"); });
    const auto enough = clock.now() + 200ms;
    until([&] {
      if (!peer->broken) peer->send("b");
      loop.runOnce(1ms);
      return patient ? clock.now() > enough : server->connectionCount() == 0;
    });
    EXPECT_EQ(server->connectionCount(), patient ? 1u : 0u);
  }
}

TEST_F(ServerTest, bodiesOverTheBoundAreRefusedAndTheResponseStillGoesOut) {
  open({.bodyBytesMax = 10});
  auto peer = connect();
  peer->send(post("12345678901"));
  until([&] { return requests == 1 && visit().refused; });
  EXPECT_EQ(visit().refused, 413);
  EXPECT_TRUE(visit().exchange->respond(413, {}, "too large"));
  until([&] { return peer->take("Connection: close\r\n"); });
  until([&] { return peer->take("too large"); });
  until([&] { return peer->ended; });
}

TEST_F(ServerTest, anExchangeMayRaiseTheBound) {
  open({.bodyBytesMax = 10});
  handle = [&](Exchange& exchange) {
    exchange.setBodyBytesMax(100);
    visits.push_back(std::make_unique<Visit>(exchange));
    exchange.readMore(100);
  };
  auto peer = connect();
  peer->send(post("12345678901"));
  until([&] { return requests == 1 && visit().ended; });
  EXPECT_EQ(visit().body, "12345678901");
}

TEST_F(ServerTest, malformedChunksAreRefusedToTheHandler) {
  open();
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  until([&] { return requests == 1 && visit().refused; });
  EXPECT_EQ(visit().refused, 400);
}

TEST_F(ServerTest, malformedHeadsAreAnsweredAndClosed) {
  open();
  handle = respondWithTarget;
  const std::pair<std::string, std::string> cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", "400"},
      {"GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n", "414"},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(140'000, 'a') + "\r\n\r\n", "431"},
      {"HEAD / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
      {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505"},
      {"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "501"},
      {std::string(kGet) + "GET / HTTP/1.1\nHost: x\r\n\r\n", "400"},
  };
  for (const auto& [bytes, status] : cases) {
    auto peer = connect();
    peer->send(bytes);
    const std::string statusLine = "HTTP/1.1 " + status + " ";
    until([&] { return peer->take(statusLine); }, bytes.substr(0, 40).c_str());
    until([&] { return peer->take("Connection: close\r\n"); }, bytes.substr(0, 40).c_str());
    until([&] { return peer->closed(); }, bytes.substr(0, 40).c_str());
  }
  EXPECT_EQ(requests, 1);
}

TEST_F(ServerTest, headHasTheHeadersAndNoBody) {
  open();
  handle = [&](Exchange& exchange) {
    if (requests == 1) {
      EXPECT_TRUE(exchange.respond(200, {}, "12345"));
    } else if (requests == 2) {
      EXPECT_TRUE(exchange.respond(200, {{"Content-Length", "77"}}, ""));
    } else {
      visits.push_back(std::make_unique<Visit>(exchange));
      ASSERT_TRUE(exchange.startResponse(200, {}, 6));
      EXPECT_EQ(exchange.write(base::asBytes("123456")), WriteOutcome::kTaken);
      EXPECT_TRUE(exchange.finish());
    }
  };
  auto peer = connect();
  for (const char* length : {"5", "77", "6"}) {
    peer->send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    until([&] { return peer->take("\r\n\r\n"); });
    EXPECT_NE(peer->taken.find(std::string("Content-Length: ") + length + "\r\n"), std::string::npos) << peer->taken;
    settle();
    EXPECT_EQ(peer->received, "");
  }
}

TEST_F(ServerTest, bodilessStatusesHaveNoBodyAndNoLength) {
  open();
  handle = [&](Exchange& exchange) { EXPECT_TRUE(exchange.respond(requests == 1 ? 204 : 304, {}, "ignored")); };
  auto peer = connect();
  for (int i = 0; i < 2; ++i) {
    peer->send(kGet);
    until([&] { return peer->take("\r\n\r\n"); });
    EXPECT_EQ(peer->taken.find("Content-Length"), std::string::npos) << peer->taken;
    settle();
    EXPECT_EQ(peer->received, "");
  }
}

TEST_F(ServerTest, streamedResponsesToHttp10EndWithTheConnection) {
  open();
  handle = [&](Exchange& exchange) {
    ASSERT_TRUE(exchange.startResponse(200, {}, std::nullopt));
    EXPECT_EQ(exchange.write(base::asBytes("hello")), WriteOutcome::kTaken);
    EXPECT_TRUE(exchange.finish());
  };
  auto peer = connect();
  peer->send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  until([&] { return peer->take("\r\n\r\nhello"); });
  until([&] { return peer->ended; });
  EXPECT_EQ(peer->taken.find("chunked"), std::string::npos);
}

TEST_F(ServerTest, headersThatCannotBeSentChangeNothing) {
  open();
  handle = [&](Exchange& exchange) {
    EXPECT_FALSE(exchange.respond(200, {{"A", "b\r\nC: d"}}, ""));
    EXPECT_FALSE(exchange.startResponse(200, {{"A b", "c"}}, std::nullopt));
    EXPECT_FALSE(exchange.respond(101, {}, ""));
    EXPECT_TRUE(exchange.respond(500, {}, "sorry"));
  };
  auto peer = connect();
  peer->send(kGet);
  until([&] { return peer->take("\r\n\r\nsorry"); });
  EXPECT_TRUE(peer->taken.starts_with("HTTP/1.1 500 "));
  EXPECT_EQ(peer->taken.find("C: d"), std::string::npos);
}

TEST_F(ServerTest, shortAndAbortedResponsesCutTheConnection) {
  open();
  for (int kind = 0; kind < 3; ++kind) {
    auto peer = connect();
    visits.clear();
    const int before = requests;
    peer->send(kGet);
    until([&] { return requests == before + 1; });
    Exchange& exchange = *visit().exchange;
    if (kind == 2) {
      ASSERT_TRUE(exchange.startResponse(200, {}, std::nullopt));
    } else {
      ASSERT_TRUE(exchange.startResponse(200, {}, 10));
    }
    EXPECT_EQ(exchange.write(base::asBytes("12345")), WriteOutcome::kTaken);
    until([&] { return peer->take("12345"); });
    switch (kind) {
      case 0: EXPECT_FALSE(exchange.finish()); break;
      case 1: EXPECT_EQ(exchange.write(base::asBytes("678901")), WriteOutcome::kAborted); break;
      case 2: exchange.abort(); break;
    }
    until([&] { return peer->broken; });
    EXPECT_FALSE(visit().gone);  // who aborts is not told
    EXPECT_EQ(peer->received.find("0\r\n\r\n"), std::string::npos);
  }
}

TEST_F(ServerTest, slowReadersPushBackAndMemoryStaysBounded) {
  open({.pendingBytesMax = 1 << 20});
  auto peer = connect();
  peer->stream->setReading(false);
  peer->send(kGet);
  until([&] { return requests == 1; });
  Exchange& exchange = *visit().exchange;
  ASSERT_TRUE(exchange.startResponse(200, {}, std::nullopt));
  const std::string piece(64 * 1024, 'p');
  size_t sent = 0;
  while (exchange.write(base::asBytes(piece)) == WriteOutcome::kTaken && sent < 256u << 20) sent += piece.size();
  EXPECT_LT(sent, 256u << 20);
  EXPECT_LE(exchange.pendingBytes(), (1u << 20) + 2 * piece.size());
  settle();
  EXPECT_EQ(visit().drained, 0);
  peer->stream->setReading(true);
  until([&] { return visit().drained == 1; });
  EXPECT_LE(exchange.pendingBytes(), HttpLimits{}.lowWaterBytes);
  EXPECT_TRUE(exchange.finish());
  until([&] { return peer->received.ends_with("0\r\n\r\n"); });
  EXPECT_GT(peer->received.size(), sent);
}

TEST_F(ServerTest, theNextRequestWaitsForASlowReader) {
  open();
  const std::string large(32 << 20, 'l');
  handle = [&](Exchange& exchange) { EXPECT_TRUE(exchange.respond(200, {}, large)); };
  auto peer = connect();
  peer->stream->setReading(false);
  peer->send(std::string(kGet) + kGet);
  until([&] { return requests == 1; });
  settle();
  EXPECT_EQ(requests, 1);
  peer->stream->setReading(true);
  until([&] { return requests == 2; });
}

TEST_F(ServerTest, disconnectsAreToldWhileAResponseIsPending) {
  open();
  for (const bool reset : {false, true}) {
    auto peer = connect();
    const int before = requests;
    peer->send(kGet);
    until([&] { return requests == before + 1; });
    settle();
    EXPECT_FALSE(visit().gone);
    if (reset) peer->stream->resetOnClose();
    peer.reset();
    until([&] { return visit().gone; });
    until([&] { return server->connectionCount() == 0; });
  }
}

TEST_F(ServerTest, disconnectsWithinABodyAreTold) {
  open();
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nstart");
  until([&] { return requests == 1; });
  visit().exchange->readMore(1000);
  until([&] { return visit().body == "start"; });
  peer.reset();
  until([&] { return visit().gone; });
  EXPECT_FALSE(visit().ended);
}

TEST_F(ServerTest, slowHeadsAreAnsweredWith408) {
  open({.headTimeout = 20ms});
  auto peer = connect();
  peer->send("GET / HTTP/1.1\r\nHo");
  until([&] { return peer->take("HTTP/1.1 408 "); });
  until([&] { return peer->ended; });
}

TEST_F(ServerTest, refusedHeadsThatDoNotEndAreAnsweredWithTheirRefusal) {
  open({.headTimeout = 20ms});
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n";
  auto slow = connect();
  slow->send(head);
  until([&] { return slow->take("HTTP/1.1 400 "); });
  until([&] { return slow->ended; });
  open({.headTimeout = 3600s});
  auto ending = connect();
  ending->send(head);
  ending->stream->finishSending();
  until([&] { return ending->take("HTTP/1.1 400 "); });
  until([&] { return ending->closed(); });
}

TEST_F(ServerTest, headsThatDripAreNotGivenMoreTime) {
  open({.headTimeout = 60ms});
  auto peer = connect();
  const auto start = clock.now();
  size_t sent = 0;
  const std::string head = "GET / HTTP/1.1\r\n" + std::string(10'000, 'a');
  until([&] {
    if (sent < head.size() && !peer->closed()) peer->send(head.substr(sent++, 1));
    loop.runOnce(1ms);
    return peer->take("HTTP/1.1 408 ");
  });
  EXPECT_LT(clock.now() - start, 5s);
}

TEST_F(ServerTest, idleConnectionsAreClosed) {
  open({.idleTimeout = 20ms});
  handle = respondWithTarget;
  auto fresh = connect();
  auto used = connect();
  used->send(kGet);
  until([&] { return used->take("\r\n\r\n/"); });
  until([&] { return fresh->ended && used->ended; });
  EXPECT_EQ(fresh->received, "");
  EXPECT_EQ(used->received, "");
}

TEST_F(ServerTest, stalledBodiesAreRefusedToTheHandler) {
  open({.bodyStallTimeout = 20ms});
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nstart");
  until([&] { return requests == 1; });
  visit().exchange->readMore(1000);
  until([&] { return visit().refused; });
  EXPECT_EQ(visit().refused, 408);
  EXPECT_TRUE(visit().exchange->respond(408, {}, "late"));
  until([&] { return peer->take("late"); });
  until([&] { return peer->ended; });
}

TEST_F(ServerTest, bodiesNobodyAskedForDoNotStall) {
  open({.bodyStallTimeout = 20ms});
  auto peer = connect();
  peer->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nstart");
  until([&] { return requests == 1; });
  const auto enough = clock.now() + 60ms;
  until([&] { return clock.now() > enough; });
  EXPECT_EQ(visit().refused, 0);
  EXPECT_FALSE(visit().gone);
}

TEST_F(ServerTest, readersThatStopAreGone) {
  open({.writeStallTimeout = 30ms});
  auto peer = connect();
  peer->stream->setReading(false);
  peer->send(kGet);
  until([&] { return requests == 1; });
  ASSERT_TRUE(visit().exchange->startResponse(200, {}, std::nullopt));
  const std::string piece(1 << 20, 'p');
  while (visit().exchange->write(base::asBytes(piece)) == WriteOutcome::kTaken) {
  }
  until([&] { return visit().gone; });
}

TEST_F(ServerTest, theLongestIdleConnectionGivesWayToANewOne) {
  open({.connectionsMax = 2});
  handle = respondWithTarget;
  auto first = connect();
  auto second = connect();
  until([&] { return server->connectionCount() == 2; });
  first->send(kGet);
  until([&] { return first->take("\r\n\r\n/"); });
  auto third = connect();
  until([&] { return second->closed(); });
  third->send(kGet);
  until([&] { return third->take("\r\n\r\n/"); });
  EXPECT_FALSE(first->closed());
  EXPECT_EQ(server->connectionCount(), 2u);
}

TEST_F(ServerTest, newcomersAreTurnedAwayWhenAllAreBusy) {
  open({.connectionsMax = 1});
  auto busy = connect();
  busy->send(kGet);
  until([&] { return requests == 1; });
  auto newcomer = connect();
  until([&] { return newcomer->closed(); });
  EXPECT_FALSE(visit().gone);
}

TEST_F(ServerTest, drainFinishesWhatRunsAndClosesTheRest) {
  open();
  auto busy = connect();
  auto idle = connect();
  busy->send(kGet);
  until([&] { return requests == 1 && server->connectionCount() == 2; });
  bool empty = false;
  server->drain(10s, [&] { empty = true; });
  until([&] { return idle->closed(); });
  settle();
  EXPECT_FALSE(empty);
  auto late = connect();
  until([&] { return late->broken; });
  respondWithTarget(*visit().exchange);
  until([&] { return busy->take("Connection: close\r\n"); });
  until([&] { return busy->ended; });
  busy.reset();
  until([&] { return empty; });
  EXPECT_EQ(server->connectionCount(), 0u);
}

TEST_F(ServerTest, drainCutsWhatIsLeftAtItsBound) {
  open();
  auto busy = connect();
  busy->send(kGet);
  until([&] { return requests == 1; });
  bool empty = false;
  server->drain(20ms, [&] { empty = true; });
  until([&] { return empty; });
  EXPECT_TRUE(visit().gone);
}

TEST_F(ServerTest, closingTheServerTellsOpenExchanges) {
  open();
  auto peer = connect();
  peer->send(kGet);
  until([&] { return requests == 1; });
  server.reset();
  EXPECT_TRUE(visit().gone);
  until([&] { return peer->closed(); });
}

TEST_F(ServerTest, upgradesHandOverTheStreamWithWhatCameBehind) {
  open();
  class Raw final : public net::StreamHandler {
   public:
    void onReadable() override {
      std::byte buffer[100];
      const auto got = stream->read(buffer);
      if (got.kind == net::Stream::ReadResult::kBytes) received.append(reinterpret_cast<char*>(buffer), got.bytes);
    }
    void onError(const net::StreamError&) override {}
    std::unique_ptr<net::Stream> stream;
    std::string received;
  } raw;
  handle = [&](Exchange& exchange) {
    auto upgraded = exchange.upgrade("echo", {{"Accept", "yes"}}, raw);
    ASSERT_TRUE(upgraded);
    raw.stream = std::move(upgraded->stream);
    raw.received = upgraded->received;
    raw.stream->setReading(true);
  };
  auto peer = connect();
  peer->send("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nraw1");
  until([&] { return peer->take("HTTP/1.1 101 "); });
  until([&] { return peer->take("\r\n\r\n"); });
  EXPECT_NE(peer->taken.find("Upgrade: echo\r\n"), std::string::npos) << peer->taken;
  EXPECT_EQ(raw.received, "raw1");
  peer->send("raw2");
  until([&] { return raw.received == "raw1raw2"; });
  raw.stream->write("back");
  until([&] { return peer->take("back"); });
  EXPECT_EQ(server->connectionCount(), 0u);
}

TEST_F(ServerTest, upgradesThatWereNotAskedForAreRefused) {
  open();
  auto peer = connect();
  peer->send(kGetClose);
  until([&] { return requests == 1; });
  class None final : public net::StreamHandler {
    void onReadable() override {}
    void onError(const net::StreamError&) override {}
  } none;
  EXPECT_FALSE(visit().exchange->upgrade("echo", {}, none));
  respondWithTarget(*visit().exchange);
  until([&] { return peer->take("\r\n\r\n/"); });
  until([&] { return peer->ended; });
}

TEST_F(ServerTest, piecesOfOneIterationLeaveTogether) {
  open();
  auto peer = connect();
  peer->send(kGet);
  until([&] { return requests == 1; });
  Exchange& exchange = *visit().exchange;
  ASSERT_TRUE(exchange.startResponse(200, {}, std::nullopt));
  EXPECT_EQ(exchange.write(base::asBytes("a")), WriteOutcome::kTaken);
  EXPECT_EQ(exchange.write(base::asBytes("b")), WriteOutcome::kTaken);
  EXPECT_GT(exchange.pendingBytes(), 2u);                     // corked
  until([&] { return peer->take("1\r\na\r\n1\r\nb\r\n"); });  // without a finish
  EXPECT_EQ(exchange.pendingBytes(), 0u);
  EXPECT_TRUE(exchange.finish());
  until([&] { return peer->take("0\r\n\r\n"); });
}

}  // namespace
}  // namespace weir::http
