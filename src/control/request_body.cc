#include "control/request_body.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace weir::control {

base::Result<std::string, ApiError> gunzip(std::string_view body, uint64_t bytesMax) {
  constexpr size_t kStep = 256 * 1024;
  if (body.size() > std::numeric_limits<uInt>::max()) return badBody("the gzip body is too large");
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return internalError("no memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  std::string out;
  int state = Z_OK;
  while (state == Z_OK) {
    const size_t had = out.size();
    const size_t room = std::min<uint64_t>(kStep, bytesMax + 1 - had);
    if (room == 0) break;
    out.resize(had + room);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.avail_out = static_cast<uInt>(room);
    state = inflate(&stream, Z_NO_FLUSH);
    out.resize(had + room - stream.avail_out);
    if (state == Z_BUF_ERROR || (state == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)) break;
  }
  const bool rest = stream.avail_in > 0;
  inflateEnd(&stream);
  if (out.size() > bytesMax) return badBody("the gzip body expands to more than is accepted");
  if (state != Z_STREAM_END || rest) return badBody("the gzip body is not whole");
  return out;
}

}  // namespace weir::control
