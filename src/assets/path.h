// Paths of files and of requests. A file's path is decoded text that begins with '/'; what a browser sends is the path
// of a URL. A file has one path at which it is served, the encoded form of its own; other spellings of it are sent
// there.
//
// Threads: pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

namespace weir::assets {

// Whether decodePath and encodePath would both give `path` back, and no URL parser changes it: quick, and true of
// nearly every path there is.
bool isPlainPath(std::string_view path);

// The path of a request target as URL parsers see it: dot segments resolved, "\" as "/", what must be encoded encoded,
// no query. A target that is not one of a path (`*`) is "/".
std::string urlPath(std::string_view target);

// The query of a request target with its question mark, or nothing.
std::string_view queryOf(std::string_view target);

// A URL's path as a file's: each segment decoded, unless what it encodes is not UTF-8, which leaves it as it is; then
// slashes that follow each other are one, so that no answer is a Location that names a host ("//host").
std::string decodePath(std::string_view path);

// The other way: everything in a segment is encoded but letters, digits and -_.!~*'().
std::string encodePath(std::string_view path);

// Every run of slashes as one.
std::string collapseSlashes(std::string_view path);

}  // namespace weir::assets
