// Blobs, files and forms, and bodies as them. See core/lazy.js.

export { Blob, File, blobBytes, newBlob } from "../blob/blob.js";
export { FormData, formEntries } from "../fetch/form_data.js";
export { parseForm } from "../fetch/form_body.js";
export { serializeMultipart } from "../fetch/multipart.js";
