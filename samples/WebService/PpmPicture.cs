using System;
using System.Buffers.Text;
using System.IO;
using System.Text;

namespace Hakmem.WebService;

// A picture in the simplest of formats (binary PPM: "P6 width height 255", then three bytes a pixel), where it lies.
internal readonly ref struct PpmPicture
{
    // The sum over a picture of this size stays within an int.
    public const int MaxSide = 2_896;

    private PpmPicture(ReadOnlySpan<byte> pixels, int width, int height)
    {
        Pixels = pixels;
        Width = width;
        Height = height;
    }

    public ReadOnlySpan<byte> Pixels { get; }

    public int Width { get; }

    public int Height { get; }

    // Throws InvalidDataException where the bytes are something else.
    public static PpmPicture Parse(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> rest = file;
        if (!rest.StartsWith("P6"u8))
        {
            throw new InvalidDataException("Not a binary PPM picture: it does not begin with P6.");
        }

        rest = rest[2..];
        int width = ReadNumber(ref rest);
        int height = ReadNumber(ref rest);
        int maximum = ReadNumber(ref rest);
        if (width is < 1 or > MaxSide || height is < 1 or > MaxSide || maximum != 255)
        {
            throw new InvalidDataException($"A picture must have 1 to {MaxSide} pixels a side, and 255 as its maximum.");
        }

        int bytes = width * height * 3;
        if (rest.Length < bytes + 1)
        {
            throw new InvalidDataException("The picture ends before its last pixel.");
        }

        return new PpmPicture(rest.Slice(1, bytes), width, height);
    }

    public static int FileBytes(int width, int height) => Header(width, height).Length + (width * height * 3);

    // Writes a made-up picture, of FileBytes bytes.
    public static void Generate(int width, int height, Span<byte> file)
    {
        byte[] header = Header(width, height);
        header.CopyTo(file);
        Span<byte> pixels = file[header.Length..];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                Span<byte> pixel = pixels.Slice(((y * width) + x) * 3, 3);
                int dx = x - (width / 2);
                int dy = y - (height / 2);
                pixel[0] = (byte)(x * 255 / width);
                pixel[1] = (byte)(y * 255 / height);
                pixel[2] = (byte)((((dx * dx) + (dy * dy)) * 16L / ((long)width * height) % 2) * 200);
            }
        }
    }

    private static byte[] Header(int width, int height) => Encoding.ASCII.GetBytes($"P6\n{width} {height}\n255\n");

    private static int ReadNumber(ref ReadOnlySpan<byte> rest)
    {
        ReadOnlySpan<byte> digits = rest.TrimStart(" \t\r\n"u8);
        if (digits.Length == rest.Length || !Utf8Parser.TryParse(digits, out int number, out int length))
        {
            throw new InvalidDataException("The picture's header has no number where one is due.");
        }

        rest = digits[length..];
        return number;
    }
}
