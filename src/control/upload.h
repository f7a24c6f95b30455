// Upload: what a client sends as a new version, read and validated: everything that can be said of it without running
// it. Its numbers and words are those of reference/error-codes.md §4.
//
// Threads: pure functions, any thread.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/plan.h"
#include "catalog/script.h"
#include "control/api_request.h"
#include "http/multipart.h"

namespace weir::control {

// The parts of a multipart body; views borrow from it.
struct UploadForm {
  boost::json::object metadata;
  std::vector<http::MultipartPart> parts;
};
ApiTry<UploadForm> readUploadForm(std::string_view contentType, std::string_view body);

// The version that a new one takes over from: the script's newest.
struct BaseVersion {
  std::string id;
  boost::json::array bindings;
  std::vector<catalog::SealedSecret> secrets;
  std::vector<catalog::Module> modules;  // when asked for
};

struct UploadRules {
  std::string_view script;  // its own name
  const catalog::PlanLimits& limits;
  std::string_view today;  // YYYY-MM-DD, UTC
  // Whether the account has a script of this name.
  std::function<bool(std::string_view name)> hasScript;
};

struct Bindings {
  boost::json::array entries;                  // without the values of secrets
  std::map<std::string, std::string> secrets;  // by name: text that is new
  std::vector<catalog::SealedSecret> kept;     // taken over
  // Names of the base's modules that entries taken over from it refer to; they borrow from the base.
  std::vector<std::string_view> inheritedParts;
};
// `given` is an array of bindings as clients send them. `keep`: types that stay though they are not named.
// `blobs`: bindings may refer to parts (service-worker syntax); nullptr: they may not.
ApiTry<Bindings> readBindings(const boost::json::value& given, const std::vector<std::string>& keep,
                              const BaseVersion* base, const std::vector<std::string_view>* blobs,
                              const UploadRules& rules);
// The same for an array in which an entry without a value stands for the binding of that name as it is (PATCH
// settings).
ApiTry<Bindings> patchBindings(const boost::json::value& given, const BaseVersion& base, const UploadRules& rules);

// Of a version that names no compatibility date.
inline constexpr std::string_view kOldestDate = "2021-11-02";

// Without modules: it has static assets and nothing else.
struct Upload {
  catalog::VersionSyntax syntax = catalog::VersionSyntax::kEsModules;
  std::vector<catalog::Module> modules;          // the main module first
  std::optional<catalog::VersionAssets> assets;  // set by whoever asks the catalog (asset_upload.h)
  Bindings bindings;
  std::string compatibilityDate = std::string(kOldestDate);
  std::string compatibilityFlags;  // separated by commas
  std::string limits = "{}";
  std::string annotations = "{}";
  std::string alias;             // of its preview; empty: none
  boost::json::object settings;  // what concerns the script and not the version; members that were given
};
// `base` null: the script has no version.
ApiTry<Upload> readUpload(const UploadForm& form, const BaseVersion* base, const UploadRules& rules);

// Of `given`, what it says of compatibility and limits, into `upload`; what it does not say stays as it is there.
std::optional<ApiError> readRuntime(const boost::json::object& given, const UploadRules& rules, Upload& upload);

// What the metadata of an upload asks for and does not get, or need not ask for; a line each.
std::vector<std::string> notesOn(const boost::json::object& metadata);

// An object of short strings, as JSON.
ApiTry<std::string> readAnnotationsOf(const boost::json::value& value);

// Of `given`, the members that are settings of a script, unversioned; the error is about one of a wrong type.
ApiTry<boost::json::object> readScriptSettings(const boost::json::object& given);

// Hex; equal for equal modules.
std::string etagOf(const std::vector<catalog::Module>& modules);

}  // namespace weir::control
