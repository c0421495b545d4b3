using System;
using System.Buffers;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.WebService;

// Makes pictures smaller: the picture that comes in is in a pool's buffer, a generated one and the thumbnail are in the
// region of the request, and what goes out is a BMP file, which every browser shows.
internal static class Thumbnails
{
    public static async Task ShrinkAsync(
        Stream body, int length, int width, Rentals rentals, MemoryRegion region, IBufferWriter<byte> output,
        CancellationToken cancelled)
    {
        using IMemoryOwner<byte> file = rentals.Pictures.Pool.Rent(length);
        await body.ReadExactlyAsync(file.Memory[..length], cancelled);
        Shrink(PpmPicture.Parse(file.Memory.Span[..length]), width, rentals, region, output);
    }

    // The same with new arrays.
    public static async Task ShrinkManagedAsync(Stream body, int length, int width, IBufferWriter<byte> output, CancellationToken cancelled)
    {
        byte[] file = new byte[length];
        await body.ReadExactlyAsync(file, cancelled);
        ShrinkManaged(file, width, output);
    }

    // A picture of the given width and height, made up and made smaller.
    public static void ShrinkGenerated(
        int size, int width, Rentals rentals, MemoryRegion region, IBufferWriter<byte> output)
    {
        Span<byte> file = rentals.Alloc(region, PpmPicture.FileBytes(size, size));
        PpmPicture.Generate(size, size, file);
        Shrink(PpmPicture.Parse(file), width, rentals, region, output);
    }

    private static void Shrink(
        PpmPicture picture, int width, Rentals rentals, MemoryRegion region, IBufferWriter<byte> output)
    {
        (int targetWidth, int targetHeight) = SizeOf(picture, width);
        Span<byte> target = rentals.Alloc(region, targetWidth * targetHeight * 3);
        Average(picture, target, targetWidth, targetHeight);
        BmpFile.Write(target, targetWidth, targetHeight, output);
    }

    private static void ShrinkManaged(byte[] file, int width, IBufferWriter<byte> output)
    {
        PpmPicture picture = PpmPicture.Parse(file);
        (int targetWidth, int targetHeight) = SizeOf(picture, width);
        byte[] target = new byte[targetWidth * targetHeight * 3];
        Average(picture, target, targetWidth, targetHeight);
        BmpFile.Write(target, targetWidth, targetHeight, output);
    }

    private static (int Width, int Height) SizeOf(PpmPicture picture, int width)
    {
        int targetWidth = Math.Clamp(width, 1, picture.Width);
        return (targetWidth, (int)Math.Max(1, (long)picture.Height * targetWidth / picture.Width));
    }

    // Each pixel is the mean of those it stands for.
    private static void Average(PpmPicture picture, Span<byte> target, int width, int height)
    {
        for (int y = 0; y < height; y++)
        {
            int top = (int)((long)y * picture.Height / height);
            int bottom = Math.Max(top + 1, (int)((y + 1L) * picture.Height / height));
            for (int x = 0; x < width; x++)
            {
                int left = (int)((long)x * picture.Width / width);
                int right = Math.Max(left + 1, (int)((x + 1L) * picture.Width / width));
                Mean(picture, (left, top), (right, bottom), target.Slice(((y * width) + x) * 3, 3));
            }
        }
    }

    private static void Mean(PpmPicture picture, (int X, int Y) from, (int X, int Y) to, Span<byte> pixel)
    {
        int red = 0;
        int green = 0;
        int blue = 0;
        for (int y = from.Y; y < to.Y; y++)
        {
            ReadOnlySpan<byte> row = picture.Pixels.Slice(((y * picture.Width) + from.X) * 3, (to.X - from.X) * 3);
            for (int i = 0; i < row.Length; i += 3)
            {
                red += row[i];
                green += row[i + 1];
                blue += row[i + 2];
            }
        }

        int count = (to.X - from.X) * (to.Y - from.Y);
        pixel[0] = (byte)(red / count);
        pixel[1] = (byte)(green / count);
        pixel[2] = (byte)(blue / count);
    }
}
