import { Type } from 'class-transformer';
import {
    ArrayMaxSize, IsArray, IsIn, IsInt, IsOptional, IsString, IsUrl, Length, Max, MaxLength, Min,
    ValidateNested,
} from 'class-validator';

export class PageQuery {
    @IsOptional() @Type(() => Number) @IsInt() @Min(1) page = 1;
    @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(100) limit = 50;
}

export class ConversationQuery {
    @IsOptional() @Type(() => Number) @IsInt() @Min(1) page = 1;
    @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(100) limit = 20;
    @IsOptional() @IsIn(['ACTIVE', 'ARCHIVED']) status?: string;
}

export class AttachmentDto {
    @IsString() @Length(1, 255) fileName: string;
    @IsUrl() fileUrl: string;
    @IsIn(['image/jpeg', 'image/jpg', 'image/png', 'image/gif', 'image/webp']) fileType: string;
    @IsInt() @Min(1) @Max(10_485_760) fileSize: number;
    @IsOptional() @IsString() uploadThingKey?: string;
}

export class CreateMessageDto {
    @IsString() @MaxLength(10_000) content: string;
    @IsOptional() @IsIn(['TEXT', 'IMAGE', 'FILE']) type?: string;
    @IsOptional() @IsString() @Length(1, 64) clientMessageId?: string;
    @IsOptional() @IsArray() @ArrayMaxSize(5) @ValidateNested({ each: true })
    @Type(() => AttachmentDto) attachments?: AttachmentDto[];
}
