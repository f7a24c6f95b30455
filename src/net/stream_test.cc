#include "net/stream.h"

#include <gtest/gtest.h>

#include "net/listener.h"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

// Keeps what happened to one end.
class End final : public StreamHandler {
 public:
  explicit End(Loop& loop) : loop(loop) {}
  void onConnected() override {
    connected = true;
    dropIn("connected");
  }
  void onReadable() override {
    std::byte buffer[64 * 1024];
    const auto got = stream->read(buffer);
    if (got.kind == Stream::ReadResult::kBytes) received.append(reinterpret_cast<char*>(buffer), got.bytes);
    if (got.kind == Stream::ReadResult::kEnd) ended = true;
    if (got.kind == Stream::ReadResult::kError) error = "read";
    dropIn("readable");
  }
  void onDrained() override {
    ++drained;
    dropIn("drained");
  }
  void onPeerFinished() override {
    peerFinished = true;
    dropIn("peer finished");
  }
  void onError(const StreamError& what) override {
    error = what.message;
    kind = what.kind;
    dropIn("error");
  }

  // Destroys the stream in this callback, when it is the one `dropsIn` names.
  void dropIn(std::string_view callback) {
    if (callback == dropsIn) stream.reset();
  }

  Loop& loop;
  std::unique_ptr<Stream> stream;
  std::string received;
  std::string error;
  std::optional<StreamErrorKind> kind;
  bool connected = false;
  bool ended = false;
  bool peerFinished = false;
  int drained = 0;
  std::string_view dropsIn;
};

class StreamTest : public testing::Test, private AcceptHandler {
 protected:
  StreamTest() { listener = std::move(Listener::open(loop, *Address::parse("127.0.0.1:0"), *this).value()); }
  void onAccept(Fd socket, const Address& peer) override {
    server.stream = Stream::accept(loop, std::move(socket), server, {});
    EXPECT_EQ(peer.scope(), AddressScope::kLoopback);
  }
  void connect(const StreamLimits& limits = {}) {
    client.stream = Stream::connect(loop, listener->address(), client, limits);
    until([&] { return client.connected && server.stream; });
  }
  // Runs the loop until `condition`; a failure instead of a hang after ten seconds.
  template <class Condition>
  void until(Condition condition) {
    const auto deadline = clock.now() + 10s;
    while (!condition() && clock.now() < deadline) loop.runOnce(100ms);
    ASSERT_TRUE(condition());
  }

  base::SystemClock clock;
  Loop loop{clock};
  End server{loop};
  End client{loop};
  std::unique_ptr<Listener> listener;
};

TEST_F(StreamTest, carriesBytesBothWays) {
  connect();
  client.stream->write("ping");
  until([&] { return server.received == "ping"; });
  client.stream->setReading(true);
  server.stream->write("pong");
  until([&] { return client.received == "pong"; });
  client.stream->finishSending();
  until([&] { return server.ended; });
  EXPECT_FALSE(server.peerFinished);  // the read told it
  server.stream->write("late");
  until([&] { return client.received == "ponglate"; });
}

TEST_F(StreamTest, keepsWhatTheKernelDoesNotTakeUpToTheBound) {
  connect({.pendingBytesMax = 1 << 20});
  server.stream->setReading(false);
  const std::string piece(256 * 1024, 'x');
  size_t sent = 0;
  Stream::WriteResult result = Stream::WriteResult::kTaken;
  while (sent < 256u << 20 && (result = client.stream->write(piece)) == Stream::WriteResult::kTaken)
    sent += piece.size();
  EXPECT_EQ(result, Stream::WriteResult::kTooMuch);
  EXPECT_GT(client.stream->pendingBytes(), 1u << 20);
  EXPECT_LE(client.stream->pendingBytes(), (1u << 20) + piece.size());
  EXPECT_EQ(client.drained, 0);
  server.stream->setReading(true);
  until([&] { return server.received.size() == sent; });
  EXPECT_EQ(client.drained, 1);
  EXPECT_EQ(client.stream->pendingBytes(), 0u);
  EXPECT_EQ(client.stream->sentBytes(), sent);
}

TEST_F(StreamTest, peerFinishingIsToldWhileReadingIsOff) {
  connect();
  server.stream->setReading(false);
  client.stream->write("unread");
  client.stream->finishSending();
  until([&] { return server.peerFinished; });
  EXPECT_FALSE(server.stream->atEnd());
  server.stream->setReading(true);
  until([&] { return server.ended; });
  EXPECT_EQ(server.received, "unread");
  EXPECT_TRUE(server.stream->atEnd());
}

TEST_F(StreamTest, resetIsToldWhileReadingIsOff) {
  connect();
  server.stream->setReading(false);
  client.stream->resetOnClose();
  client.stream.reset();
  until([&] { return server.kind == StreamErrorKind::kReset; });
}

TEST_F(StreamTest, whatAPeerSaidBeforeItTookNoMoreIsRead) {
  connect();
  server.stream->setReading(false);
  client.stream->write("unread");
  server.stream->write("why");
  server.stream.reset();  // with bytes unread: a reset
  EXPECT_EQ(client.stream->write("more"), Stream::WriteResult::kTaken);
  EXPECT_EQ(client.stream->write(std::string(1 << 20, 'x')), Stream::WriteResult::kTaken);
  EXPECT_EQ(client.stream->pendingBytes(), 0u);
  client.stream->setReading(true);
  until([&] { return !client.error.empty() || client.ended; });
  EXPECT_EQ(client.received, "why");
  EXPECT_FALSE(client.ended) << "a reset is no end";
}

TEST_F(StreamTest, theRestIsReadFromAPeerThatDiedWhileReadingWasOff) {
  connect();
  client.stream->setReadsRest(true);
  client.stream->setReading(false);
  server.stream->setReading(false);
  client.stream->write("unread");
  const std::string rest(40'000, 'r');
  server.stream->write(rest);
  server.stream.reset();
  until([&] { return !client.stream->connected(); });
  EXPECT_EQ(client.error, "");
  EXPECT_EQ(client.stream->write("more"), Stream::WriteResult::kTaken);
  EXPECT_EQ(client.stream->pendingBytes(), 0u);
  client.stream->setReading(true);
  until([&] { return !client.error.empty() || client.ended; });
  EXPECT_EQ(client.received.size(), rest.size());
  EXPECT_FALSE(client.ended) << "a reset is no end";
}

TEST_F(StreamTest, aHandlerMayDestroyTheStreamInEveryCallback) {
  const auto dropped = [&](End& end) { return [&end] { return end.stream == nullptr; }; };
  client.dropsIn = "connected";
  client.stream = Stream::connect(loop, listener->address(), client, {});
  until(dropped(client));
  until([&] { return server.stream && server.ended; });

  for (const char* callback : {"readable", "drained", "peer finished", "error"}) {
    client.dropsIn = {};
    client.connected = false;
    server.stream.reset();
    server.ended = false;
    connect();
    client.dropsIn = callback;
    const std::string_view what = callback;
    if (what == "readable") {
      client.stream->setReading(true);
      server.stream->write("x");
    } else if (what == "drained") {
      server.stream->setReading(false);
      while (client.stream->pendingBytes() <= 64 * 1024) client.stream->write(std::string(256 * 1024, 'x'));
      server.stream->setReading(true);
    } else if (what == "peer finished") {
      server.stream->finishSending();
    } else {
      server.stream->resetOnClose();
      server.stream.reset();
    }
    until(dropped(client));
  }
}

TEST_F(StreamTest, theEndIsSentBehindWhatIsPending) {
  connect();
  server.stream->setReading(false);
  const std::string piece(256 * 1024, 'x');
  size_t sent = 0;
  while (client.stream->pendingBytes() == 0) {
    ASSERT_EQ(client.stream->write(piece), Stream::WriteResult::kTaken);
    sent += piece.size();
  }
  client.stream->finishSending();
  EXPECT_FALSE(server.peerFinished);
  server.stream->setReading(true);
  until([&] { return server.ended; });
  EXPECT_EQ(server.received.size(), sent);
}

TEST_F(StreamTest, aWriteInPartsArrivesInOrder) {
  connect();
  std::string one = "one ", two, three = "three";
  const iovec parts[] = {{one.data(), one.size()}, {two.data(), 0}, {three.data(), three.size()}};
  EXPECT_EQ(client.stream->write(parts), Stream::WriteResult::kTaken);
  EXPECT_EQ(client.stream->write(std::span<const iovec>()), Stream::WriteResult::kTaken);
  until([&] { return server.received == "one three"; });
}

TEST_F(StreamTest, writingToAPeerThatIsGoneIsAnErrorAndNoSignal) {
  connect();
  server.stream->resetOnClose();
  server.stream.reset();
  // The reset may not have come yet; once it has, the stream is broken for writes too.
  until([&] {
    (void)client.stream->write("x");
    return client.kind.has_value();
  });
  EXPECT_EQ(*client.kind, StreamErrorKind::kReset);
  EXPECT_EQ(client.stream->write("x"), Stream::WriteResult::kBroken);
  EXPECT_FALSE(client.stream->connected());
}

TEST_F(StreamTest, whileReadingIsOffNothingIsHandedOver) {
  connect();
  server.stream->setReading(false);
  client.stream->write("early");
  client.stream->finishSending();
  until([&] { return server.peerFinished; });  // it has arrived
  EXPECT_EQ(server.received, "");
  server.stream->setReading(true);
  until([&] { return server.received == "early"; });
}

TEST_F(StreamTest, refusedConnectsAreErrorsFromTheLoop) {
  const Address closed = listener->address();
  listener.reset();
  client.stream = Stream::connect(loop, closed, client, {});
  EXPECT_FALSE(client.kind);
  until([&] { return client.kind == StreamErrorKind::kConnect; });
}

TEST_F(StreamTest, connectsTimeOut) {
  // A listener whose backlog is full answers nobody.
  auto full = listenTcp(*Address::parse("127.0.0.1:0"), 0);
  const Address address = *localAddress(full->get());
  std::vector<Fd> fillers;
  for (int i = 0; i < 4; ++i) fillers.push_back(std::move(startConnect(address).value()));
  client.stream = Stream::connect(loop, address, client, {.connectTimeout = 50ms});
  until([&] { return client.kind == StreamErrorKind::kTimeout; });
}

TEST_F(StreamTest, listenerAddressInUseWithoutReusePortIsNamed) {
  Fd plain(socket(AF_INET, SOCK_STREAM, 0));
  const Address any = *Address::parse("127.0.0.1:0");
  ASSERT_EQ(bind(plain.get(), any.raw(), any.rawSize()), 0);
  ASSERT_EQ(listen(plain.get(), 1), 0);
  const Address taken = *localAddress(plain.get());
  const auto second = listenTcp(taken, 1);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find(taken.format()), std::string::npos);
}

}  // namespace
}  // namespace weir::net
