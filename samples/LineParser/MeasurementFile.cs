using System;
using System.Buffers.Text;
using System.IO;
using System.Text;

namespace Hakmem.LineParser;

// Writes a file of measurements, the same for the same size: "station 042;-123\n" is -12.3 degrees.
internal static class MeasurementFile
{
    public const int StationCount = 400;

    private const int Seed = 1;
    private const int MaxTenths = 999;
    private const int LongestLine = 32;

    public static void Write(string path, long bytes)
    {
        using FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        using NativeBuffer<byte> buffer = HakmemAllocator.Shared.Rent<byte>(1 << 20);
        Random random = new(Seed);
        int used = 0;
        for (long written = 0; written < bytes;)
        {
            int line = Format(buffer.Span[used..], random.Next(StationCount), random.Next(-MaxTenths, MaxTenths + 1));
            used += line;
            written += line;
            if (buffer.Length - used < LongestLine || written >= bytes)
            {
                file.Write(buffer.Span[..used]);
                used = 0;
            }
        }
    }

    private static int Format(Span<byte> target, int station, int tenths)
    {
        int length = Encoding.UTF8.GetBytes("station ", target);
        Utf8Formatter.TryFormat(station, target[length..], out int digits, new('D', 3));
        length += digits;
        target[length++] = (byte)';';
        Utf8Formatter.TryFormat(tenths, target[length..], out digits);
        length += digits;
        target[length++] = (byte)'\n';
        return length;
    }
}
