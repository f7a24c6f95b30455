// Reads on in a request head that was refused, for nothing but what its answer is made of: Host, and the fields that
// say in which form the client wants to be told (Accept, Accept-Encoding, User-Agent). What it reads is never part of a
// request.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "http/header_list.h"

namespace weir::http {

class RefusedHead {
 public:
  // `bytesMax`: how much more of the head is read.
  explicit RefusedHead(size_t bytesMax) : left_(bytesMax) {}

  // Takes what came behind the place of the refusal, or behind what was taken before, and adds what it finds to
  // `headers`. True: the head has ended, or was longer than it may be; there is nothing more to find.
  bool read(std::span<const std::byte> bytes, HeaderList& headers);

 private:
  static constexpr size_t kLineBytesMax = 4 * 1024;  // of the fields that are looked for
  static constexpr size_t kFieldsMax = 16;

  void endLine(HeaderList& headers);

  size_t left_;
  std::string line_;
  bool tooLong_ = false;  // `line_` is none of those looked for
  bool ended_ = false;
  size_t found_ = 0;
};

}  // namespace weir::http
