// The side channel between `weir` and one engine: small messages that may carry descriptors (sealed blobs,
// ring memory). The rings carry everything else. SOCK_SEQPACKET: a message arrives whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "wire/descriptor.h"

namespace weir::wire {

struct ControlMessage {
  static constexpr size_t kBytesMax = 16 * 1024;
  static constexpr size_t kDescriptorsMax = 4;

  std::vector<std::byte> bytes;         // 1 to kBytesMax
  std::vector<Descriptor> descriptors;  // close-on-exec, owned by the receiver
};

// A resource; one thread at a time per direction (one may send while another receives).
class ControlSocket {
 public:
  // Two connected ends, both close-on-exec and non-blocking.
  static base::Result<std::pair<ControlSocket, ControlSocket>> makePair();

  // Takes ownership of a connected SOCK_SEQPACKET descriptor.
  explicit ControlSocket(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  // To register for readiness; borrowed.
  int fd() const { return descriptor_.get(); }
  // Gives the descriptor up, for a child to inherit.
  Descriptor takeDescriptor() { return std::move(descriptor_); }

  enum class Sent { kYes, kWouldBlock, kPeerGone };
  // Sends one message without waiting. `descriptors` are borrowed: the peer gets duplicates.
  // An error is a broken call (empty, over a bound) or a kernel that refused; nothing has been sent then.
  base::Result<Sent> send(std::span<const std::byte> bytes, std::span<const int> descriptors = {});

  enum class Wait { kNo, kYes };
  struct Received {
    bool peerGone = false;                  // end of stream: no further message will come
    std::optional<ControlMessage> message;  // absent with peerGone false: nothing to read now
  };
  // The next message. The peer may be hostile: a message that is too long or carries too many descriptors is
  // an error (its descriptors are closed), and the peer should be dropped.
  base::Result<Received> receive(Wait wait = Wait::kNo);

 private:
  Descriptor descriptor_;
};

}  // namespace weir::wire
