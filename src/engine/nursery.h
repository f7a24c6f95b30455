// Nursery: a process that has everything up which a check needs, and never sees a tenant's byte. Asked by the platform,
// it makes a copy of itself, which then locks itself down and is an engine for one check (version_checker.h). So every
// check has a process of its own, that ends with it, and none starts Node and V8 anew.
//
// A copy has the nursery's memory as it was, and nothing that leads back to it: its descriptors are the three that came
// with the request, its ids those of a pid namespace of its own.
//
// Threads: one. The host's own have nothing to do from the constructor on, because a copy has only the thread that made
// it: what they held would stay held.
#pragma once

#include <node.h>
#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wire/codec.h"
#include "wire/confinement.h"
#include "wire/control_socket.h"

namespace weir::engine {

class Nursery {
 public:
  static constexpr size_t kChildrenMax = 64;  // at a time; those that were ended and are not gone yet included

  // `host`: the isolate that the calling thread is in.
  Nursery(node::MultiIsolatePlatform& platform, const v8::StartupData& base, v8::Isolate* host);

  // What a copy begins with.
  struct Copy {
    wire::ControlSocket control;
    wire::Confinements confinements;
  };
  // Makes copies until the platform is gone, and ends the process then. Returns in each copy.
  Copy run();

 private:
  struct Child {
    pid_t pid;
    wire::Descriptor pidfd;
    wire::Descriptor status;
  };
  // Empty in the nursery.
  std::optional<Copy> answer();
  // 0 in the copy; negative, with the reason, when there is none.
  pid_t makeCopy(std::string& reason);
  Copy become(std::vector<wire::Descriptor> descriptors);
  void refuse(const std::string& reason);
  template <class Message>
  void say(const Message& notice, std::span<const int> descriptors = {});
  void reap();

  wire::ControlSocket control_;
  wire::Descriptor self_;   // a pidfd
  std::vector<int> hosts_;  // descriptors whose numbers the host knows
  std::vector<Child> children_;
};

}  // namespace weir::engine
