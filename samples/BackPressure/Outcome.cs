using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Threading.Tasks;

namespace Hakmem.BackPressure;

// What became of some downloads at once.
internal sealed record Outcome(bool Waits, int Whole, int CutShort, int Waited, int MostServed)
{
    public static async Task<Outcome> OfAsync(int downloads, bool waits, HttpClient client)
    {
        await using DownloadService service = new(downloads, waits);
        Uri address = await service.StartAsync();
        bool[] isWhole = await Task.WhenAll(
            Enumerable.Range(0, downloads).Select(number => DownloadAsync(client, address, service, number)));
        int whole = isWhole.Count(each => each);
        return new Outcome(waits, whole, downloads - whole, service.Waited, service.MostServed);
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"  {(Waits ? "RentAsync" : "Rent"),-9}  {Whole,4} whole  {CutShort,4} cut short  {Waited,4} waited  " +
        $"{MostServed} served at a time");

    // Whether all of it came. It is read on when every download has asked for its buffer.
    private static async Task<bool> DownloadAsync(HttpClient client, Uri address, DownloadService service, int number)
    {
        Uri download = new($"{address}?number={number}");
        try
        {
            using HttpResponseMessage response = await client.GetAsync(
                download, HttpCompletionOption.ResponseHeadersRead);
            response.EnsureSuccessStatusCode();
            await service.AllAsked;
            await using Stream body = await response.Content.ReadAsStreamAsync();
            return await IsWholeAsync(body);
        }
        catch (Exception ended) when (ended is HttpRequestException or IOException or OperationCanceledException)
        {
            // The service has closed the connection, or has not answered in time.
            return false;
        }
        finally
        {
            // A request that never came to its rental must not have all others wait for it.
            service.NoteAsked(number);
        }
    }

    private static async Task<bool> IsWholeAsync(Stream body)
    {
        byte[] piece = new byte[64 << 10];
        long received = 0;
        int read;
        while ((read = await body.ReadAtLeastAsync(piece, piece.Length, throwOnEndOfStream: false)) > 0)
        {
            // Pieces of the service are whole multiples of these.
            if (piece.AsSpan(0, read).IndexOfAnyExcept(DownloadService.PieceOf(received)) >= 0)
            {
                return false;
            }

            received += read;
        }

        return received == DownloadService.DownloadBytes;
    }
}
