#include "edge/inner_channel.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "base/byte_text.h"

namespace weir::edge {
namespace {

namespace websocket = http::websocket;
using websocket::MessageKind;
using namespace std::chrono_literals;

class Owner final : public websocket::ChannelEvents {
 public:
  bool wantsPieces() override { return wants; }
  void onPiece(MessageKind, std::span<const std::byte> bytes, bool last) override {
    EXPECT_FALSE(end);
    heard += std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) + (last ? ";" : "");
    if (answers) channel->send(MessageKind::kText, bytes, last);
  }
  void onClose(uint16_t code, std::string_view reason) override {
    heard += "close " + std::to_string(code) + " " + std::string(reason) + ";";
    if (answers) channel->close(code, "");
  }
  void onDrained() override { ++drained; }
  void onEnd(const websocket::End& what) override {
    EXPECT_FALSE(end);
    end = what;
  }
  std::unique_ptr<InnerChannel> channel;
  bool wants = true;
  bool answers = false;
  int drained = 0;
  std::string heard;
  std::optional<websocket::End> end;
};

class InnerChannelTest : public testing::Test {
 protected:
  InnerChannelTest() {
    std::tie(a.channel, b.channel) = InnerChannel::makePair(loop);
    a.channel->setEvents(a);
    b.channel->setEvents(b);
  }
  void settle() {
    for (int i = 0; i < 10; ++i) loop.runOnce(0ms);
  }
  base::SystemClock clock;
  net::Loop loop{clock};
  Owner a;
  Owner b;
};

TEST_F(InnerChannelTest, messagesAndBothClosesPass) {
  b.answers = true;
  a.channel->send(MessageKind::kText, base::asBytes("one "), false);
  a.channel->send(MessageKind::kText, base::asBytes("two"), true);
  EXPECT_EQ(b.heard, "");  // never from within a call
  settle();
  EXPECT_EQ(b.heard, "one two;");
  EXPECT_EQ(a.heard, "one two;");
  a.channel->close(4000, "bye");
  a.channel->send(MessageKind::kText, base::asBytes("late"), true);
  settle();
  EXPECT_EQ(b.heard, "one two;close 4000 bye;");
  EXPECT_EQ(a.heard, "one two;close 4000 ;");
  ASSERT_TRUE(a.end && b.end);
  EXPECT_TRUE(a.end->clean);
  EXPECT_TRUE(b.end->clean);
}

TEST_F(InnerChannelTest, aTakerThatIsFullHoldsTheSenderUp) {
  b.wants = false;
  const std::string piece(60'000, 'x');
  for (int i = 0; i < 3; ++i) a.channel->send(MessageKind::kBinary, base::asBytes(piece), true);
  settle();
  EXPECT_EQ(b.heard, "");
  EXPECT_GT(a.channel->pendingBytes(), 180'000u);
  EXPECT_EQ(a.drained, 0);
  b.wants = true;
  b.channel->resume();
  settle();
  EXPECT_EQ(b.heard.size(), 180'003u);
  EXPECT_EQ(a.channel->pendingBytes(), 0u);
  EXPECT_EQ(a.drained, 1);
}

TEST_F(InnerChannelTest, aCloseDoesNotWaitForATaker) {
  b.wants = false;
  a.channel->close(1001, "");
  settle();
  EXPECT_EQ(b.heard, "close 1001 ;");
}

TEST_F(InnerChannelTest, aFaultIsACloseAndTheEnd) {
  a.channel->fail(1011, "broken");
  settle();
  EXPECT_EQ(b.heard, "close 1011 broken;");
  ASSERT_TRUE(a.end && b.end);
  EXPECT_FALSE(a.end->clean);
  EXPECT_TRUE(b.end->clean);
}

TEST_F(InnerChannelTest, anEndThatVanishesIsALossBehindWhatItSent) {
  a.channel->send(MessageKind::kText, base::asBytes("last words"), true);
  a.channel.reset();
  settle();
  EXPECT_EQ(b.heard, "last words;");
  ASSERT_TRUE(b.end);
  EXPECT_FALSE(b.end->clean);
}

TEST_F(InnerChannelTest, aDropTakesWhatWasNotTaken) {
  b.wants = false;
  a.channel->send(MessageKind::kText, base::asBytes("unread"), true);
  settle();
  a.channel->fail(websocket::kLost, "");
  settle();
  EXPECT_EQ(b.heard, "");
  ASSERT_TRUE(a.end && b.end);
  EXPECT_FALSE(b.end->clean);
}

}  // namespace
}  // namespace weir::edge
