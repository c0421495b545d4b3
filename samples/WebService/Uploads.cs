using System;
using System.IO;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.WebService;

// Hashes an upload while it comes in. A pipe lets receiving and hashing run side by side with at most PauseBytes between them, however large
// the upload.
internal static class Uploads
{
    private const int SegmentBytes = 64 << 10;
    private const int PauseBytes = 1 << 20;

    public static async Task<UploadResult> HashAsync(Stream body, Rentals rentals, CancellationToken cancelled)
    {
        Pipe pipe = new(new PipeOptions(
            rentals.Uploads.Pool,
            minimumSegmentSize: SegmentBytes,
            pauseWriterThreshold: PauseBytes,
            resumeWriterThreshold: PauseBytes / 2,
            useSynchronizationContext: false));
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Task receiving = ReceiveAsync(body, pipe.Writer, cancelled);
        long bytes = 0;
        try
        {
            ReadResult result;
            do
            {
                result = await pipe.Reader.ReadAsync(cancelled);
                foreach (ReadOnlyMemory<byte> segment in result.Buffer)
                {
                    hash.AppendData(segment.Span);
                    bytes += segment.Length;
                }

                pipe.Reader.AdvanceTo(result.Buffer.End);
            }
            while (!result.IsCompleted);
        }
        finally
        {
            // Whatever happened, both ends are completed: then the pipe has given all its buffers back.
            await pipe.Reader.CompleteAsync();
            await receiving;
        }

        return new UploadResult(bytes, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    // As it is often done: the whole upload in a stream, then in an array, then hashed.
    public static async Task<UploadResult> HashManagedAsync(Stream body, CancellationToken cancelled)
    {
        using MemoryStream whole = new();
        await body.CopyToAsync(whole, cancelled);
        byte[] bytes = whole.ToArray();
        return new UploadResult(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    private static async Task ReceiveAsync(Stream body, PipeWriter writer, CancellationToken cancelled)
    {
        Exception? failure = null;
        try
        {
            int read;
            bool isWanted = true;
            while (isWanted && (read = await body.ReadAsync(writer.GetMemory(SegmentBytes), cancelled)) > 0)
            {
                writer.Advance(read);
                isWanted = !(await writer.FlushAsync(cancelled)).IsCompleted;
            }
        }
        catch (Exception aborted)
        {
            // The client went away, or there is no memory for more: whoever reads the pipe must be told, or it waits for ever. It throws it on.
            failure = aborted;
        }

        await writer.CompleteAsync(failure);
    }
}
