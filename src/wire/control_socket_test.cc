#include "wire/control_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <thread>

#include "base/byte_text.h"

namespace weir::wire {
namespace {

int openDescriptorCount() {
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) >= 0;
  return count;
}

TEST(ControlSocket, carriesWholeMessagesInOrder) {
  auto pair = ControlSocket::makePair();
  ASSERT_TRUE(pair.ok());
  auto& [left, right] = *pair;
  EXPECT_FALSE(right.receive()->message.has_value());  // nothing yet
  ASSERT_TRUE(left.send(base::asBytes("one")).ok());
  ASSERT_TRUE(left.send(base::asBytes("second")).ok());
  EXPECT_EQ(right.receive()->message->bytes.size(), 3u);
  EXPECT_EQ(right.receive()->message->bytes.size(), 6u);
  EXPECT_FALSE(right.receive()->message.has_value());
}

TEST(ControlSocket, carriesDescriptorsThatWork) {
  auto pair = ControlSocket::makePair();
  int pipeEnds[2];
  ASSERT_EQ(::pipe2(pipeEnds, O_CLOEXEC), 0);
  Descriptor reading(pipeEnds[0]);
  Descriptor writing(pipeEnds[1]);
  const int sent[] = {writing.get(), writing.get()};
  ASSERT_EQ(*pair->first.send(base::asBytes("x"), sent), ControlSocket::Sent::kYes);
  auto received = pair->second.receive();
  ASSERT_TRUE(received.ok());
  ASSERT_EQ(received->message->descriptors.size(), 2u);
  const int theirs = received->message->descriptors[1].get();
  EXPECT_NE(theirs, writing.get());
  EXPECT_EQ(::fcntl(theirs, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  ASSERT_EQ(::write(theirs, "!", 1), 1);
  char c = 0;
  EXPECT_EQ(::read(reading.get(), &c, 1), 1);
  EXPECT_EQ(c, '!');
}

TEST(ControlSocket, refusesToSendOverItsBounds) {
  auto pair = ControlSocket::makePair();
  const std::vector<std::byte> longest(ControlMessage::kBytesMax);
  const std::vector<std::byte> tooLong(ControlMessage::kBytesMax + 1);
  EXPECT_TRUE(pair->first.send(longest).ok());
  EXPECT_FALSE(pair->first.send(tooLong).ok());
  EXPECT_FALSE(pair->first.send({}).ok());
  const int five[] = {0, 0, 0, 0, 0};
  EXPECT_FALSE(pair->first.send(base::asBytes("x"), five).ok());
}

TEST(ControlSocket, aHostilePeerCannotLeaveDescriptorsBehind) {
  auto pair = ControlSocket::makePair();
  for (size_t count : {5u, 9u}) {
    std::vector<int> fds(count, pair->first.fd());
    char byte = 'x';
    iovec part{&byte, 1};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    std::vector<char> ancillary(CMSG_SPACE(sizeof(int) * count));
    header.msg_control = ancillary.data();
    header.msg_controllen = ancillary.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * count);
    const int before = openDescriptorCount();
    ASSERT_EQ(::sendmsg(pair->first.fd(), &header, 0), 1);
    EXPECT_FALSE(pair->second.receive().ok());
    EXPECT_EQ(openDescriptorCount(), before);
  }
}

TEST(ControlSocket, aMessageOverTheBoundIsAnError) {
  auto pair = ControlSocket::makePair();
  const std::vector<char> bytes(ControlMessage::kBytesMax + 1);
  ASSERT_EQ(::send(pair->first.fd(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  EXPECT_FALSE(pair->second.receive().ok());
}

TEST(ControlSocket, aFullQueueIsToldApartFromAPeerThatIsGone) {
  auto pair = ControlSocket::makePair();
  const std::vector<std::byte> longest(ControlMessage::kBytesMax);
  auto sent = ControlSocket::Sent::kYes;
  for (int i = 0; i < 10'000 && sent == ControlSocket::Sent::kYes; ++i) sent = *pair->first.send(longest);
  EXPECT_EQ(sent, ControlSocket::Sent::kWouldBlock);
  { ControlSocket gone = std::move(pair->second); }
  EXPECT_EQ(*pair->first.send(longest), ControlSocket::Sent::kPeerGone);
  EXPECT_TRUE(pair->first.receive()->peerGone);
}

TEST(ControlSocket, waitsForAMessageWhenAsked) {
  auto pair = ControlSocket::makePair();
  std::jthread sender([&pair] { EXPECT_TRUE(pair->first.send(base::asBytes("late")).ok()); });
  auto received = pair->second.receive(ControlSocket::Wait::kYes);
  ASSERT_TRUE(received.ok());
  EXPECT_EQ(received->message->bytes.size(), 4u);
}

}  // namespace
}  // namespace weir::wire
