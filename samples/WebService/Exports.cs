using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Pipelines;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.WebService;

// A big JSON document, written into native buffers while earlier ones are being sent: what is in memory at a time does not grow with the document.
internal static class Exports
{
    private const int SegmentBytes = 64 << 10;
    private const int PauseBytes = 512 << 10;

    public static async Task WriteAsync(Stream body, int rows, Rentals rentals, CancellationToken cancelled)
    {
        Pipe pipe = new(new PipeOptions(
            rentals.Exports.Pool,
            minimumSegmentSize: SegmentBytes,
            pauseWriterThreshold: PauseBytes,
            resumeWriterThreshold: PauseBytes / 2,
            useSynchronizationContext: false));
        Task sending = SendAsync(pipe.Reader, body, cancelled);
        await WriteRowsAsync(pipe.Writer, rows, cancelled);
        await sending;
    }

    // As it is often done: all rows as objects, the document as one array.
    public static async Task WriteManagedAsync(Stream body, int rows, CancellationToken cancelled)
    {
        List<ExportRow> all = [];
        for (int row = 0; row < rows; row++)
        {
            all.Add(ExportRow.Of(row));
        }

        byte[] document = JsonSerializer.SerializeToUtf8Bytes(all, JsonSerializerOptions.Web);
        await body.WriteAsync(document, cancelled);
    }

    private static async Task WriteRowsAsync(PipeWriter output, int rows, CancellationToken cancelled)
    {
        Exception? failure = null;
        try
        {
            using Utf8JsonWriter json = new(output);
            bool isWanted = true;
            json.WriteStartArray();
            for (int row = 0; row < rows && isWanted; row++)
            {
                Write(json, ExportRow.Of(row));
                if (json.BytesPending > SegmentBytes / 2)
                {
                    json.Flush();
                    isWanted = !(await output.FlushAsync(cancelled)).IsCompleted;
                }
            }

            json.WriteEndArray();
            json.Flush();
        }
        catch (Exception aborted)
        {
            // The client went away, or there is no memory for more: the sender must be told, or it waits for ever. It throws it on.
            failure = aborted;
        }

        await output.CompleteAsync(failure);
    }

    private static void Write(Utf8JsonWriter json, ExportRow row)
    {
        json.WriteStartObject();
        json.WriteNumber("id"u8, row.Id);
        json.WriteString("name"u8, row.Name);
        json.WriteNumber("price"u8, row.Price);
        json.WriteBoolean("inStock"u8, row.InStock);
        json.WriteEndObject();
    }

    private static async Task SendAsync(PipeReader reader, Stream body, CancellationToken cancelled)
    {
        try
        {
            await reader.CopyToAsync(body, cancelled);
        }
        finally
        {
            // Without a cause, which the writer would throw in place of ending.
            await reader.CompleteAsync();
        }
    }
}
