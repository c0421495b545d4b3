namespace Hakmem.WebService;

internal sealed record UploadResult(long Bytes, string Sha256);
