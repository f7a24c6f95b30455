#include "edge/socket_pump.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::edge {
namespace {

namespace websocket = http::websocket;
using websocket::MessageKind;

// A channel whose peer the test plays. What was done to it outlives it.
struct Played {
  websocket::ChannelEvents* events = nullptr;
  std::string done;
  size_t pending = 0;
  bool closeSent = false;
  bool gone = false;
};

class FakeChannel final : public websocket::Channel {
 public:
  explicit FakeChannel(Played& played) : played_(played) {}
  ~FakeChannel() override { played_.gone = true; }
  void setEvents(websocket::ChannelEvents& events) override { played_.events = &events; }
  void send(MessageKind, std::span<const std::byte> bytes, bool last) override {
    played_.done += "send " + std::to_string(bytes.size()) + (last ? ";" : ",");
    played_.pending += bytes.size();
  }
  void close(uint16_t code, std::string_view reason) override {
    played_.done += "close " + std::to_string(code) + std::string(reason) + ";";
    played_.closeSent = true;
  }
  void fail(uint16_t code, std::string_view) override { played_.done += "fail " + std::to_string(code) + ";"; }
  void resume() override { played_.done += "resume;"; }
  size_t pendingBytes() const override { return played_.pending; }
  bool closeSent() const override { return played_.closeSent; }

 private:
  Played& played_;
};

class SocketPumpTest : public testing::Test, public SocketPumpOwner {
 protected:
  void onSocketChanged() override { ++changes; }
  std::unique_ptr<SocketPump> open(Played& played, wire::StreamId number = 0) {
    return std::make_unique<SocketPump>(home, voice, *this, number, std::make_unique<FakeChannel>(played));
  }
  wire::SocketPiece piece(size_t size) {
    bytes.assign(size, 'x');
    wire::SocketPiece one;
    one.last = true;
    one.bytes = bytes;
    return one;
  }
  static wire::SocketClose closing(uint16_t code, wire::SocketEnd end = wire::SocketEnd::kClosed) {
    wire::SocketClose close;
    close.code = code;
    close.end = end;
    return close;
  }
  std::span<const std::byte> text(std::string_view of) {
    return {reinterpret_cast<const std::byte*>(of.data()), of.size()};
  }

  base::SystemClock clock;
  net::Loop loop{clock};
  SocketHome home{loop};
  EngineVoice voice{wire::InvocationId::make(0, 1, 2)};
  int changes = 0;
  std::vector<uint8_t> bytes;
  Played client, upstream;
};

TEST_F(SocketPumpTest, anEngineMaySendWhileItHasCreditAndOverdrawItOnce) {
  const auto pump = open(client);
  client.pending = 1 << 20;  // a slow reader: no credit comes back
  EXPECT_TRUE(pump->onPiece(piece(wire::Bounds::kSocketWindowBytes - 100)));
  EXPECT_TRUE(pump->onPiece(piece(wire::Bounds::kChunkBytesMax)));
  EXPECT_FALSE(pump->onPiece(piece(0)));
}

TEST_F(SocketPumpTest, emptyPiecesCostCreditToo) {
  const auto pump = open(client);
  client.pending = 1 << 20;
  int taken = 0;
  while (pump->onPiece(piece(0))) ++taken;
  EXPECT_EQ(taken, static_cast<int>(wire::Bounds::kSocketWindowBytes / 64));
}

TEST_F(SocketPumpTest, aReaderThatHasDrainedGivesCreditBack) {
  const auto pump = open(client);
  client.pending = 1 << 20;
  EXPECT_TRUE(pump->onPiece(piece(wire::Bounds::kChunkBytesMax)));
  EXPECT_FALSE(pump->onPiece(piece(1)));
  client.pending = 0;
  client.events->onDrained();
  EXPECT_TRUE(pump->onPiece(piece(1)));
  EXPECT_EQ(pump->sentBytes(), wire::Bounds::kChunkBytesMax + 1u);
}

TEST_F(SocketPumpTest, anEngineIsReadForAsFarAsItGrants) {
  const auto pump = open(client);
  EXPECT_FALSE(client.events->wantsPieces());
  EXPECT_TRUE(pump->onCredit(100));
  EXPECT_EQ(client.done, "resume;");
  EXPECT_TRUE(client.events->wantsPieces());
  client.events->onPiece(MessageKind::kText, text("hello"), true);
  EXPECT_TRUE(client.events->wantsPieces());
  client.events->onPiece(MessageKind::kText, text("hello"), true);
  EXPECT_FALSE(client.events->wantsPieces());
  EXPECT_TRUE(pump->onCredit(1u << 29));
  EXPECT_FALSE(pump->onCredit(1u << 30));
}

TEST_F(SocketPumpTest, aCloseIsCheckedAndComesOnce) {
  for (const uint16_t code : {0, 999, 1004, 1006, 1015, 5000, 65535}) {
    Played one;
    EXPECT_FALSE(open(one)->onClose(closing(code))) << code;
  }
  const auto pump = open(client);
  EXPECT_TRUE(pump->onClose(closing(1005)));
  EXPECT_EQ(client.done, "close 1005;");
  EXPECT_FALSE(pump->onClose(closing(1000)));
  EXPECT_FALSE(pump->onPiece(piece(1)));
  EXPECT_FALSE(pump->over());
  client.events->onClose(1005, "");
  EXPECT_TRUE(pump->over());
  EXPECT_EQ(changes, 1);
  EXPECT_FALSE(open(upstream)->onClose(closing(1000, wire::SocketEnd::kBroken)));
}

TEST_F(SocketPumpTest, anEngineThatGivesUpFailsThePeer) {
  const auto pump = open(client);
  EXPECT_TRUE(pump->onClose(closing(1013, wire::SocketEnd::kLost)));
  EXPECT_EQ(client.done, "fail 1013;");
  client.events->onEnd({});
  EXPECT_FALSE(pump->lost());  // by our doing
  EXPECT_TRUE(pump->ended());
}

TEST_F(SocketPumpTest, aPeerThatVanishesIsLost) {
  const auto pump = open(client);
  client.events->onEnd({});
  EXPECT_TRUE(pump->lost());
  EXPECT_TRUE(pump->over());
  EXPECT_EQ(changes, 1);
  loop.runOnce(std::chrono::milliseconds(0));
  EXPECT_TRUE(client.gone);
  EXPECT_TRUE(pump->onPiece(piece(1)));  // the two crossed
}

TEST_F(SocketPumpTest, joinedSocketsSpeakToEachOtherAtThePaceOfTheSlower) {
  const auto one = open(client);
  const auto two = open(upstream, 1);
  one->join(*two);
  EXPECT_TRUE(client.events->wantsPieces());
  upstream.pending = 1 << 20;
  EXPECT_FALSE(client.events->wantsPieces());
  client.done.clear();
  upstream.pending = 0;
  upstream.events->onDrained();
  EXPECT_EQ(client.done, "resume;");
  upstream.done.clear();
  client.events->onPiece(MessageKind::kBinary, text("abc"), true);
  EXPECT_EQ(upstream.done, "send 3;");
  EXPECT_FALSE(one->onPiece(piece(1)));  // an engine has no part in it any more
  EXPECT_FALSE(two->onCredit(1));
  one->endEngine(1011);
  two->endEngine(1001);
  upstream.events->onClose(4000, "r");
  EXPECT_EQ(client.done, "resume;close 4000r;");
  client.events->onClose(4000, "r");
  EXPECT_EQ(upstream.done, "send 3;close 4000r;");
  EXPECT_TRUE(one->over());
  EXPECT_TRUE(two->over());
}

TEST_F(SocketPumpTest, ofJoinedSocketsTheOneTakesTheOtherWithIt) {
  const auto one = open(client);
  const auto two = open(upstream, 1);
  one->join(*two);
  upstream.events->onEnd({});
  EXPECT_EQ(client.done, "resume;fail 1006;");
}

TEST_F(SocketPumpTest, anUpstreamThatClosedBeforeItWasJoinedClosesTheClient) {
  const auto two = open(upstream, 1);
  upstream.events->onClose(4001, "early");
  const auto one = open(client);
  one->join(*two);
  EXPECT_EQ(client.done, "resume;close 4001early;");
}

TEST_F(SocketPumpTest, whatIsLeftWhenTheEngineIsDoneIsFailed) {
  const auto pump = open(client);
  pump->endEngine(1011);
  EXPECT_EQ(client.done, "fail 1011;");
  EXPECT_TRUE(client.events->wantsPieces());  // what comes is dropped
  const auto closed = open(upstream, 1);
  EXPECT_TRUE(closed->onClose(closing(1000)));
  closed->endEngine(1001);
  EXPECT_EQ(upstream.done, "close 1000;resume;");  // its peer still has to answer
}

TEST_F(SocketPumpTest, aLoopThatDrainsClosesWhatIsOpenAndOpensNothing) {
  const auto pump = open(client);
  EXPECT_FALSE(home.full());
  home.drain();
  EXPECT_TRUE(home.full());
  EXPECT_EQ(client.done, "close 1001;resume;");
}

TEST_F(SocketPumpTest, keysDiffer) {
  const std::string key = home.makeKey();
  EXPECT_EQ(key.size(), 16u);
  EXPECT_NE(key, home.makeKey());
}

}  // namespace
}  // namespace weir::edge
