#include "http/websocket/connection.h"

#include <gtest/gtest.h>

#include "base/byte_text.h"
#include "http/raw_peer.h"
#include "http/websocket/handshake.h"
#include "net/listener.h"

namespace weir::http::websocket {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

class FakeClock final : public base::Clock {
 public:
  base::Instant now() const override { return at; }
  double wallMs() const override { return 0; }
  base::Instant at{};
};

class Owner final : public ChannelEvents {
 public:
  bool wantsPieces() override { return wants; }
  void onPiece(MessageKind kind, std::span<const std::byte> bytes, bool last) override {
    message.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    taken += bytes.size();
    if (last) messages.push_back((kind == MessageKind::kText ? "t:" : "b:") + std::exchange(message, {}));
    if (echo) connection->send(kind, bytes, last);
  }
  void onClose(uint16_t code, std::string_view reason) override {
    closed = code;
    closeReason = reason;
    if (answers) connection->close(code, reason);
  }
  void onDrained() override { ++drained; }
  void onEnd(const End& what) override {
    EXPECT_FALSE(end.has_value());
    end = what;
  }

  std::unique_ptr<Connection> connection;
  bool wants = true;
  bool echo = false;
  bool answers = false;
  int drained = 0;
  size_t taken = 0;
  std::string message;
  std::vector<std::string> messages;
  int closed = 0;
  std::string closeReason;
  std::optional<End> end;
};

class ConnectionTest : public testing::Test, private net::AcceptHandler {
 protected:
  ConnectionTest() {
    listener = std::move(net::Listener::open(loop, *net::Address::parse("127.0.0.1:0"), *this).value());
  }
  void onAccept(net::Fd socket, const net::Address&) override { accepted = std::move(socket); }

  // A server connection with a raw client.
  void open(const Limits& limits = {}, std::string received = {}) {
    environment = std::make_unique<Connection::Environment>(loop, limits, masks);
    raw.emplace(loop, listener->address());
    until([&] { return accepted && raw->stream->connected(); });
    server.connection = std::make_unique<Connection>(*environment, Role::kServer, std::nullopt);
    server.connection->setEvents(server);
    server.connection->start(net::Stream::accept(loop, std::move(accepted), *server.connection, {}),
                             std::move(received));
  }
  // Two connections that speak to each other.
  void openPair(const std::optional<DeflateParameters>& deflate) {
    environment = std::make_unique<Connection::Environment>(loop, Limits{}, masks);
    client.connection = std::make_unique<Connection>(*environment, Role::kClient, deflate);
    client.connection->setEvents(client);
    auto stream = net::Stream::connect(loop, listener->address(), *client.connection, {});
    until([&] { return accepted && stream->connected(); });
    server.connection = std::make_unique<Connection>(*environment, Role::kServer, deflate);
    server.connection->setEvents(server);
    server.connection->start(net::Stream::accept(loop, std::move(accepted), *server.connection, {}), {});
    client.connection->start(std::move(stream), {});
  }
  // Runs the loop until `condition`, which is not asked again once it was true; a failure instead of a hang.
  template <class Condition>
  void until(Condition condition) {
    bool met = false;
    for (int i = 0; i < 2000 && !(met = condition()); ++i) loop.runOnce(5ms);
    ASSERT_TRUE(met);
  }
  void settle() {
    for (int i = 0; i < 20; ++i) loop.runOnce(1ms);
  }
  void pass(std::chrono::milliseconds time) {
    clock.at += time;
    settle();
  }

  FakeClock clock;
  net::Loop loop{clock};
  SystemMaskSource masks;
  std::unique_ptr<net::Listener> listener;
  net::Fd accepted;
  std::unique_ptr<Connection::Environment> environment;
  std::optional<Peer> raw;
  Owner server;
  Owner client;
};

// A client's frame with a mask of zeros.
std::string frame(char first, std::string_view payload) {
  std::string out{first};
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += "\xfe"s;
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xff);
  }
  return out + "\0\0\0\0"s + std::string(payload);
}

TEST_F(ConnectionTest, messagesGoBothWaysAndTheCloseIsClean) {
  openPair(DeflateParameters{});
  server.echo = true;
  server.answers = true;
  const std::string large(3'000'000, 'a');
  client.connection->send(MessageKind::kText, base::asBytes("hello"), true);
  client.connection->send(MessageKind::kBinary, base::asBytes(large), false);
  client.connection->send(MessageKind::kBinary, base::asBytes("end"), true);
  until([&] { return client.messages.size() == 2; });
  EXPECT_EQ(client.messages[0], "t:hello");
  EXPECT_EQ(client.messages[1], "b:" + large + "end");
  client.connection->close(4001, "enough");
  until([&] { return client.end && server.end; });
  EXPECT_EQ(server.closed, 4001);
  EXPECT_EQ(server.closeReason, "enough");
  EXPECT_EQ(client.closed, 4001);
  EXPECT_TRUE(client.end->clean);
  EXPECT_TRUE(server.end->clean);
}

TEST_F(ConnectionTest, whatCameBehindTheHandshakeIsRead) {
  open({}, frame('\x81', "early"));
  until([&] { return server.messages.size() == 1; });
  EXPECT_EQ(server.messages[0], "t:early");
}

TEST_F(ConnectionTest, pingsAreAnsweredHere) {
  open();
  raw->stream->write(frame('\x89', "are you there"));
  until([&] {
    return raw->take(
        "\x8a\x0d"
        "are you there"s);
  });
  EXPECT_TRUE(server.messages.empty());
}

TEST_F(ConnectionTest, aPeerThatPingsAndDoesNotReadGetsOneAnswer) {
  open();
  raw->stream->setReading(false);
  const std::string megabyte(1 << 20, 'x');
  for (int i = 0; i < 16; ++i) server.connection->send(MessageKind::kBinary, base::asBytes(megabyte), true);
  settle();
  const size_t waiting = server.connection->pendingBytes();
  server.drained = 0;
  ASSERT_GT(waiting, environment->limits.lowWaterBytes);
  for (int i = 0; i < 1000; ++i) raw->stream->write(frame('\x89', std::to_string(i)));
  settle();
  EXPECT_LE(server.connection->pendingBytes(), waiting);
  raw->stream->setReading(true);
  until([&] {
    return raw->take(
        "\x8a\x03"
        "999"s);
  });
  EXPECT_EQ(server.drained, 1);
}

TEST_F(ConnectionTest, aBrokenProtocolIsToldToThePeerAndToTheOwner) {
  open();
  raw->stream->write("\x81\x05hello"s);  // not masked
  until([&] { return raw->ended; });
  EXPECT_EQ(raw->received.substr(0, 4), "\x88\x20\x03\xea"s);
  raw->stream.reset();
  until([&] { return server.end.has_value(); });
  EXPECT_FALSE(server.end->clean);
  EXPECT_TRUE(server.end->broken);
  EXPECT_STREQ(server.end->reason, "a client's frame is not masked");
  EXPECT_EQ(server.closed, 0);
}

TEST_F(ConnectionTest, anEndWithoutACloseFrameIsALoss) {
  open();
  raw->stream->write(frame('\x81', "last words"));
  raw->stream->finishSending();
  until([&] { return server.end.has_value(); });
  EXPECT_EQ(server.messages.size(), 1u);
  EXPECT_FALSE(server.end->clean);
  EXPECT_FALSE(server.end->broken);
}

TEST_F(ConnectionTest, aResetIsNoticedWhileNobodyTakesPieces) {
  open();
  server.wants = false;
  raw->stream->write(frame('\x81', "unwanted"));
  settle();
  EXPECT_FALSE(server.end);
  raw->stream->resetOnClose();
  raw->stream.reset();
  until([&] { return server.end.has_value(); });
  EXPECT_TRUE(server.messages.empty());
}

TEST_F(ConnectionTest, aTakerThatIsFullStopsTheReading) {
  open();
  server.wants = false;
  const std::string message = frame('\x82', std::string(60'000, 'x'));
  size_t offered = 0;
  for (int i = 0; i < 2000; ++i, offered += message.size()) {
    if (raw->stream->write(message) != net::Stream::WriteResult::kTaken) break;
    settle();
    if (raw->stream->pendingBytes() > (1 << 20)) break;
  }
  EXPECT_GT(raw->stream->pendingBytes(), 1u << 20);  // nobody reads: it piles up with the sender
  EXPECT_EQ(server.taken, 0u);
  server.wants = true;
  server.connection->resume();
  until([&] { return raw->stream->pendingBytes() == 0 && server.messages.size() > 10; });
}

TEST_F(ConnectionTest, aSilentPeerIsAskedAndThenGivenUp) {
  open();
  settle();
  pass(44s);
  EXPECT_TRUE(raw->received.empty());
  pass(2s);
  until([&] { return raw->take("\x89\x00"s); });
  raw->stream->write(frame('\x8a', ""));
  settle();
  pass(44s);
  EXPECT_FALSE(server.end);
  pass(2s);
  until([&] { return raw->take("\x89\x00"s); });
  pass(60s);
  until([&] { return server.end.has_value(); });
  EXPECT_FALSE(server.end->clean);
  until([&] { return raw->broken || raw->ended; });
}

TEST_F(ConnectionTest, aMessageThatStallsFailsTheConnection) {
  open();
  raw->stream->write(frame('\x01', "begun"));
  until([&] { return server.taken == 5; });
  pass(46s);
  until([&] { return server.end || raw->ended; });
  EXPECT_NE(raw->received.find("a message was not finished"), std::string::npos);
}

TEST_F(ConnectionTest, aPeerThatDoesNotAnswerTheCloseIsCutOff) {
  open();
  server.connection->close(1000, "bye");
  until([&] {
    return raw->take(
        "\x88\x05\x03\xe8"
        "bye"s);
  });
  pass(9s);
  EXPECT_FALSE(server.end);
  pass(2s);
  until([&] { return server.end.has_value(); });
  EXPECT_FALSE(server.end->clean);
}

TEST_F(ConnectionTest, aReaderThatTakesNothingIsCutOff) {
  open();
  raw->stream->setReading(false);
  const std::string megabyte(1 << 20, 'x');
  for (int i = 0; i < 16; ++i) server.connection->send(MessageKind::kBinary, base::asBytes(megabyte), true);
  settle();
  for (int i = 0; i < 30 && !server.end; ++i) {  // it answers pings, so silence is not the reason
    raw->stream->write(frame('\x8a', ""));
    pass(5s);
  }
  until([&] { return server.end.has_value(); });
  EXPECT_STREQ(server.end->reason, "the peer does not read");
}

TEST_F(ConnectionTest, aFaultOfOursIsACloseFrameAndTheEnd) {
  open();
  server.connection->fail(kInternalError, "");
  server.connection->send(MessageKind::kText, base::asBytes("dropped"), true);
  until([&] { return raw->ended; });
  EXPECT_EQ(raw->received, "\x88\x02\x03\xf3"s);
  raw->stream.reset();
  until([&] { return server.end.has_value(); });
  EXPECT_FALSE(server.end->clean);
}

TEST_F(ConnectionTest, aDropIsAReset) {
  open();
  server.connection->send(MessageKind::kText, base::asBytes("dropped"), true);
  server.connection->fail(kLost, "");
  EXPECT_FALSE(server.end);
  until([&] { return raw->broken; });
  EXPECT_TRUE(raw->received.empty());
  EXPECT_TRUE(server.end.has_value());
}

TEST_F(ConnectionTest, nothingIsSentBehindTheCloseFrame) {
  open();
  server.connection->send(MessageKind::kText, base::asBytes("half"), false);
  server.connection->close(1001, "");
  server.connection->send(MessageKind::kText, base::asBytes("other half"), true);
  raw->stream->write(frame('\x89', "ping"));
  raw->stream->write(frame('\x88', "\x03\xe9"));
  until([&] { return raw->ended; });
  EXPECT_EQ(raw->received, "\x01\x04half\x88\x02\x03\xe9"s);
  EXPECT_EQ(server.closed, 1001);
}

}  // namespace
}  // namespace weir::http::websocket
